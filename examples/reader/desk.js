// @ts-check
/**
 * A text that can be read. `plain` is what was chosen, cut to the model's window; `needle` a sentence of the visitor's own
 * in it. After a reload `plain` may be lost, where the browser keeps nothing.
 * @typedef {{ statement: string, question: string, depth: number }} Needle
 * @typedef {{ id: string, name: string, bundled: boolean, share: number, plain?: string, needle?: Needle, half?: boolean }} Text
 */

/**
 * What lies on the desk: a model, and a text that is open in it. One of each. `words` are those of the text that were read,
 * where the browser kept them: all of it, or its beginning, the `part` of it from 0 to 1.
 * @type {{
 *   model: import('../../dist/index.js').Model,
 *   source: import('../../dist/index.js').ModelSource,
 *   session: import('../../dist/index.js').Session | undefined,
 *   text: Text | undefined,
 *   words: string | undefined,
 *   part: number,
 *   running: AbortController | undefined,
 * }}
 */
export const desk = {
  model: /** @type {any} */ (undefined),
  source: '',
  session: undefined,
  text: undefined,
  words: undefined,
  part: 1,
  running: undefined,
};

/** A signal that the Stop button aborts. */
export const startRunning = () => {
  desk.running = new AbortController();
  return desk.running.signal;
};
