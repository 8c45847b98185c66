// @ts-check
// The SDK keeps tokens and pages; to hide a needle in a text, or to let another model read it, the page needs its words.
import { note, recall } from './notes.js';

const LAST = 'longhand-reader-last';
const CACHE = 'longhand-reader-texts';

/** Where the browser refuses. @type {Map<string, Text>} */
const here = new Map();

const addressOf = (/** @type {string} */ id) => new URL(`kept/${encodeURIComponent(id)}`, location.href).href;

/** @typedef {import('./desk.js').Text} Text */

/** @returns {Text | undefined} */
const lastCard = () => JSON.parse(recall(LAST) ?? 'null') ?? undefined;

/** Keeps a text, and remembers it as the one that is open. @param {Text} text @param {boolean} [open] */
export const keepText = async (text, open = true) => {
  const { plain, ...card } = text;
  if (open) note(LAST, JSON.stringify(card));
  try {
    const cache = await caches.open(CACHE);
    await cache.put(addressOf(card.id), new Response(JSON.stringify(text)));
  } catch {
    // Nothing can be kept here: after a reload the text must be chosen again.
    here.set(card.id, text);
  }
};

/** @returns {Promise<Text | undefined>} */
export const keptText = async (/** @type {string} */ id) => {
  try {
    const found = await (await caches.open(CACHE)).match(addressOf(id));
    return await found?.json();
  } catch {
    return here.get(id);
  }
};

/** The text that was open last. @returns {Promise<Text | undefined>} */
export const lastText = async () => {
  const card = lastCard();
  return card ? ((await keptText(card.id)) ?? card) : undefined;
};

export const dropText = async (/** @type {string} */ id) => {
  if (lastCard()?.id === id) note(LAST, undefined);
  try {
    await (await caches.open(CACHE)).delete(addressOf(id));
  } catch {
    here.delete(id);
  }
};
