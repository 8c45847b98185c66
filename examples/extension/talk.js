// @ts-check
import { byId, make } from '../reader/dom.js';
import { percent, seconds, speed } from '../reader/numbers.js';
import { isAbort } from '../reader/problems.js';
import { desk, isState, setState } from './desk.js';
import { linkTo, showInTab } from './tab.js';

/** @typedef {import('./wire.js').Quote} Quote @typedef {import('./tab.js').OpenPage} OpenPage */

/** Characters of a quote that a link shows. */
const SHOWN = 180;

const shorten = (/** @type {string} */ text) => {
  const words = text.replace(/\s+/g, ' ');
  return words.length <= SHOWN ? words : `${words.slice(0, words.lastIndexOf(' ', SHOWN))} …`;
};

/**
 * Marks a quote on its page; where that is gone, opens it anew at the quote. What came of it, in words.
 * @param {OpenPage} page @param {Quote} quote @param {string | undefined} address
 */
const show = async (page, quote, address) => {
  const shown = await showInTab(page.tab, quote).catch(() => undefined);
  if (shown === 'whole') return 'Marked on the page.';
  if (shown === 'part') return 'The page has changed: what is left of the passage is marked.';
  if (shown === 'none') return 'This passage is no longer on the page.';
  if (address === undefined) return 'The page is no longer open.';
  await chrome.tabs.create({ url: address });
  return 'The page was gone: opened again at the passage.';
};

/** @param {OpenPage} page @param {Quote[]} quotes */
const linksTo = (page, quotes) => {
  const said = make('p', { className: 'hint', role: 'status' });
  const items = quotes.map((quote) => {
    const address = linkTo(page.url, quote.text);
    const link = make(
      'a',
      { href: address ?? '#' },
      make('q', { textContent: shorten(quote.text) }),
      make('small', {
        textContent: `${percent(quote.share)} of attention, ${percent(quote.near)} into the text`,
      }),
    );
    link.addEventListener('click', async (event) => {
      event.preventDefault();
      said.textContent = await show(page, quote, address);
      link.dataset.shown = said.textContent;
    });
    return make('li', {}, link);
  });
  return [
    make('h3', { textContent: 'Read for this answer' }),
    make('ol', { className: 'quotes' }, ...items),
    said,
  ];
};

/** Asks, streams the answer, and links to where it came from. */
export const ask = async (/** @type {string} */ question) => {
  const { page } = desk;
  if (!page) return;
  setState('answering');
  const out = make('p', { className: 'answer' });
  const cost = make('p', { className: 'cost' });
  const article = make('article', {}, make('p', { className: 'question', textContent: question }), out, cost);
  byId('transcript').append(article);
  article.scrollIntoView({ block: 'nearest' });
  try {
    const end = await desk.engine('ask', { question }, ({ piece }) => {
      out.textContent += piece;
    });
    const rate = speed({ tokens: Math.max(0, end.answerTokens - 1), seconds: end.answerSeconds });
    cost.textContent = `First word after ${seconds(end.questionSeconds)}${rate === '–' ? '' : `, then ${rate}`}.`;
    if (end.quotes.length > 0) article.append(...linksTo(page, end.quotes));
  } catch (error) {
    cost.textContent = isAbort(error) ? 'Stopped.' : 'No answer.';
    if (!isAbort(error)) {
      setState('ready');
      throw error;
    }
  } finally {
    out.dataset.done = 'true';
  }
  setState('ready');
  article.scrollIntoView({ block: 'nearest' });
  byId('question').focus({ preventScroll: true });
};

export const startTalk = (/** @type {(question: string) => void} */ onQuestion) => {
  byId('form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const question = byId('question').value.trim();
    if (question === '' || !isState('ready')) return;
    byId('question').value = '';
    onQuestion(question);
  });
};
