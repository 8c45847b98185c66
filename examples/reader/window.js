// @ts-check
import { desk } from './desk.js';

/** Tokens left free for a question and its answer. */
const ROOM = 512;
/** More characters than this hardly ever make one token, and no character has more bytes than that. */
const CHARACTERS = 16;
const BYTES = 4;

/** Tokens of text that the model's window holds. */
export const most = () => Math.max(64, desk.model.info.maxTokens - ROOM);
export const mostBytes = () => most() * CHARACTERS * BYTES;

/** As much of a text as the window holds, cut after a sentence where there is one. */
export const toWindow = async (/** @type {string} */ text, /** @type {AbortSignal} */ signal) => {
  const head = text.slice(0, most() * CHARACTERS);
  const ids = await desk.model.tokenize(head, { signal });
  if (ids.length <= most()) return head;
  const cut = await desk.model.detokenize(ids.slice(0, most()));
  return cut.slice(0, cut.lastIndexOf('. ') + 1 || undefined);
};
