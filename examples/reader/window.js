// @ts-check
/** @typedef {import('../../dist/index.js').Model} Model */

/** Tokens left free for a question and its answer. */
const ROOM = 512;
/** More characters than this hardly ever make one token, and no character has more bytes than that. */
const CHARACTERS = 16;
const BYTES = 4;

/** Tokens of text that the model's window holds. */
export const most = (/** @type {Model} */ model) => Math.max(64, model.info.maxTokens - ROOM);
export const mostBytes = (/** @type {Model} */ model) => most(model) * CHARACTERS * BYTES;

/**
 * As much of a text as the window holds, cut after a sentence where there is one.
 * @param {Model} model @param {string} text @param {AbortSignal} signal
 */
export const toWindow = async (model, text, signal) => {
  const head = text.slice(0, most(model) * CHARACTERS);
  const ids = await model.tokenize(head, { signal });
  if (ids.length <= most(model)) return head;
  const cut = await model.detokenize(ids.slice(0, most(model)));
  return cut.slice(0, cut.lastIndexOf('. ') + 1 || undefined);
};
