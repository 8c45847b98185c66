// @ts-check
// The SDK keeps tokens and pages; to hide a needle in a text, or to let another model read it, the page needs its words.
const LAST = 'longhand-reader-last';
const CACHE = 'longhand-reader-texts';

const addressOf = (/** @type {string} */ id) => new URL(`kept/${encodeURIComponent(id)}`, location.href).href;

/** @typedef {import('./desk.js').Text} Text */

/** Keeps a text, and remembers it as the one that is open. @param {Text} text @param {boolean} [open] */
export const keepText = async ({ plain, ...card }, open = true) => {
  if (open) localStorage.setItem(LAST, JSON.stringify(card));
  try {
    const cache = await caches.open(CACHE);
    await cache.put(addressOf(card.id), new Response(JSON.stringify({ ...card, plain })));
  } catch {
    // Nothing can be kept here: after a reload the text must be chosen again.
  }
};

/** @returns {Promise<Text | undefined>} */
export const keptText = async (/** @type {string} */ id) => {
  try {
    const found = await (await caches.open(CACHE)).match(addressOf(id));
    return await found?.json();
  } catch {
    return undefined;
  }
};

/** The text that was open last. @returns {Promise<Text | undefined>} */
export const lastText = async () => {
  const card = JSON.parse(localStorage.getItem(LAST) ?? 'null');
  return card ? ((await keptText(card.id)) ?? card) : undefined;
};

export const dropText = async (/** @type {string} */ id) => {
  if (JSON.parse(localStorage.getItem(LAST) ?? 'null')?.id === id) localStorage.removeItem(LAST);
  try {
    await (await caches.open(CACHE)).delete(addressOf(id));
  } catch {
    // It was never kept.
  }
};
