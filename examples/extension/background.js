// @ts-check
// The button of the toolbar, or its shortcut, opens the panel and lets it into the page in front (`activeTab`), no other.
// This worker does nothing else and may sleep at any time: reading and answering live in engine.html.
chrome.action.onClicked.addListener((tab) => {
  // At once: what is awaited first would cost the right to open it.
  void chrome.sidePanel.open({ windowId: tab.windowId });
  // A panel that is open already looks anew; where there is none, nobody hears it.
  chrome.runtime.sendMessage({ verb: 'let-in', tab: tab.id }).catch(() => undefined);
});
