// @ts-check
// The side panel. It reads nothing by itself: a page goes from the tab (tab.js) to the engine (remote.js, engine.js), which
// answers with text and quotes. Whatever comes from pages or from the model is shown as text, never as markup.
import { byId } from '../reader/dom.js';
import { count, percent, seconds, speed, tokens } from '../reader/numbers.js';
import { clearProblem, isAbort, showProblem } from '../reader/problems.js';
import { desk, isState, say, setState } from './desk.js';
import { showKept, startKept } from './kept-pages.js';
import { openModel, startModelChoice } from './model-choice.js';
import { connectEngine } from './remote.js';
import { readTab } from './tab.js';
import { ask, startTalk } from './talk.js';
import { isOurs } from './wire.js';

/** What works again after something failed. */
const fail = (/** @type {any} */ error) => {
  showProblem(error);
  say('');
  if (error?.code === 'engine/lost' || !desk.engine) return setState('failed');
  setState(desk.id === undefined ? 'blank' : 'page');
};

const guarded = (/** @type {() => Promise<void>} */ work) => {
  clearProblem();
  return work()
    .catch(fail)
    .then(showKept)
    .catch(() => undefined);
};

/** @param {string} text @param {boolean} [isSelection] */
const lookAt = async (text, isSelection = false) => {
  const { page } = desk;
  if (!page) return;
  desk.id = undefined;
  desk.text = text;
  const title = isSelection ? `Selected in ${page.title}`.slice(0, 300) : page.title;
  byId('kind').textContent = isSelection ? 'What is selected' : 'This page';
  byId('title').textContent = page.title;
  byId('transcript').replaceChildren();
  const found = await desk.engine('look', { title, text });
  desk.id = found.id;
  const cut = found.share < 0.995 ? ` Its first ${percent(found.share)} fits into the model’s window.` : '';
  const known = found.known > 0 ? ` ${count(found.known)} of them were read before.` : '';
  say(`${tokens(found.tokens)}.${known}${cut}`);
  setState('page');
  if (found.isKept || isSelection) await read(cut);
};

/** Reads what was looked at. */
const read = async (cut = '') => {
  setState('reading');
  byId('bar').value = 0;
  say('Reading…');
  const started = performance.now();
  try {
    const done = await desk.engine('read', {}, ({ loaded, total }) => {
      byId('bar').value = loaded / total;
      say(`${count(loaded)} of ${count(total)} tokens`, true);
    });
    const elapsed = (performance.now() - started) / 1000;
    const fresh = done.tokens - done.reused;
    say(
      (done.reused > 0
        ? `${tokens(done.tokens)}, of which ${count(done.reused)} were read before: ready after ${seconds(elapsed)}.`
        : `Read ${tokens(done.tokens)} in ${seconds(elapsed)}, ${speed({ tokens: fresh, seconds: elapsed })}.`) +
        cut +
        (done.storage === 'ok' ? '' : ' There is no room to keep it: it lasts until the browser is closed.'),
    );
    Object.assign(byId('status').dataset, {
      tokens: done.tokens,
      reused: done.reused,
      resumed: done.resumed,
    });
    setState('ready');
    byId('question').focus({ preventScroll: true });
  } catch (error) {
    setState('page');
    if (!isAbort(error)) throw error;
    say('Stopped. What was read so far is known when you go on.');
    byId('read').focus();
  }
};

/** Looks at the page in front. */
const look = async () => {
  byId('other').hidden = true;
  setState('loading');
  say('Looking at the page…');
  desk.page = undefined;
  desk.id = undefined;
  byId('title').textContent = 'No page yet';
  byId('transcript').replaceChildren();
  const page = await readTab();
  if (page.text === '') throw new Error('There are no words on this page.');
  desk.page = page;
  await lookAt(page.text);
};

/** Says that what is in front is another page than the one that lies here. @param {string} why */
const sayOther = (why) => {
  if (!desk.page || isState('loading')) return;
  byId('other').textContent = why;
  byId('other').hidden = false;
};

const isIdle = () => isState('blank', 'page', 'ready');
byId('look').addEventListener('click', () => isIdle() && guarded(look));
byId('read').addEventListener('click', () => isIdle() && guarded(() => read()));
byId('read-selection').addEventListener(
  'click',
  () =>
    isIdle() &&
    guarded(async () => {
      // What is selected may have changed since.
      desk.page = await readTab();
      if (desk.page.selection === '')
        throw new Error('Nothing is selected on the page. Select something, then try again.');
      await lookAt(desk.page.selection, true);
    }),
);
for (const stop of ['stop', 'stop-answer']) {
  byId(stop).addEventListener('click', () => void desk.engine('stop').catch(() => undefined));
}
chrome.runtime.onMessage.addListener((message, sender) => {
  if (!isOurs(sender, 'background.js')) return;
  if (/** @type {{ verb?: unknown }} */ (message)?.verb === 'let-in' && isIdle()) void guarded(look);
});
chrome.tabs.onActivated.addListener(({ tabId }) => {
  if (tabId === desk.page?.tab) byId('other').hidden = true;
  else sayOther('Another tab is in front. Press the Longhand button in the toolbar to look at it.');
});
chrome.tabs.onUpdated.addListener((tab, { status }) => {
  if (tab === desk.page?.tab && status === 'loading')
    sayOther('The page has changed since it was looked at.');
});

startTalk((question) => guarded(() => ask(question)));
startKept(guarded);
startModelChoice(guarded, look);
void guarded(async () => {
  desk.engine = await connectEngine();
  await openModel();
  await look();
});
