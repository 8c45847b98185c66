// @ts-check
// The page in front, which the browser lets the panel into after the toolbar's button was pressed on it, and no other.
import { checkPage } from './wire.js';

/** @typedef {import('./wire.js').Page & { tab: number }} OpenPage */

/** `?tab=7`: the panel in a tab of its own, beside the page of another one. */
const asked = Number(new URL(location.href).searchParams.get('tab') ?? Number.NaN);

export const tabInFront = async () => {
  if (Number.isInteger(asked)) return asked;
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  return tab?.id;
};

/** The browser says why in words for developers; there are three reasons. @param {unknown} error */
const refusal = (error) => {
  const words = String(error);
  const isLocked =
    /chrome:|chrome-extension:|devtools|extensions gallery|webstore|error page|view-source/i.test(words);
  return Object.assign(
    new Error(
      isLocked
        ? 'The browser lets no extension into pages of its own. Go to another page.'
        : 'Press the Longhand button in the toolbar, or Alt+Shift+L, to let it look at this page. It sees no other.',
    ),
    { code: 'page/refused', cause: error },
  );
};

/**
 * @template {unknown[]} Given
 * @template Result
 * @param {number} tab @param {(...given: Given) => Result} func is sent as text: it sees `longhandPage` and what it is given
 * @param {Given} args
 */
const inPage = async (tab, func, ...args) => {
  try {
    await chrome.scripting.insertCSS({ target: { tabId: tab }, files: ['highlight.css'] });
    await chrome.scripting.executeScript({ target: { tabId: tab }, files: ['page.js'] });
    const [first] = await chrome.scripting.executeScript({ target: { tabId: tab }, func, args });
    return first?.result;
  } catch (error) {
    throw refusal(error);
  }
};

/** What stands on the page in front. @returns {Promise<OpenPage>} */
export const readTab = async () => {
  const tab = await tabInFront();
  if (tab === undefined) throw refusal('no tab');
  const found = checkPage(await inPage(tab, () => longhandPage.readPage()));
  return { ...found, tab };
};

/** Marks a passage on its page. @param {number} tab @param {import('./wire.js').Passage} passage */
export const showInTab = async (tab, { text, before, after, near }) => {
  const passage = { text, before, after, near };
  const shown = await inPage(tab, (wanted) => longhandPage.showPassage(wanted), passage);
  return shown === 'whole' || shown === 'part' ? shown : 'none';
};

/**
 * The address of a passage, as a text fragment: where its page was closed, the browser finds it by itself.
 * @param {string} url @param {string} text
 */
export const linkTo = (url, text) => {
  const [line = ''] = text.split('\n');
  const words = line.trim().split(/\s+/);
  const part = (/** @type {string[]} */ some) => encodeURIComponent(some.join(' ')).replaceAll('-', '%2D');
  const fragment = words.length > 10 ? `${part(words.slice(0, 4))},${part(words.slice(-4))}` : part(words);
  const page = URL.canParse(url) ? new URL(url) : undefined;
  if (!page || !/^https?:|^file:/.test(page.protocol)) return undefined;
  page.hash = `${page.hash.replace(/:~:.*$/, '')}:~:text=${fragment}`;
  return page.href;
};
