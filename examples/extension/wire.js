// @ts-check
// What crosses between page, panel and engine, and whom each believes. Whatever has another shape is refused: a page's
// process may have been taken over, and any page may try to talk to an extension.
import { LonghandError } from '../../dist/index.js';

/**
 * @typedef {{ url: string, title: string, text: string, selection: string }} Page as the content script found it
 * @typedef {{ text: string, before: string, after: string, near: number }} Passage with the words around it, and where it
 *   stands in its text, from 0 to 1
 * @typedef {Passage & { share: number }} Quote `share` of the attention that the answer paid to the text
 * @typedef {{ call: number, verb: keyof typeof verbs, [name: string]: unknown }} Request
 */

const LONGEST_TEXT = 5_000_000;
const LONGEST_TITLE = 300;
const LONGEST_QUESTION = 4000;

const text =
  (/** @type {number} */ most, least = 0) =>
  (/** @type {unknown} */ found) =>
    typeof found === 'string' && found.length >= least && found.length <= most;
const sessionId = (/** @type {unknown} */ found) =>
  typeof found === 'string' && /^page\/[\w-]{1,100}\/[\w-]{1,100}$/.test(found);
const webAddress = (/** @type {unknown} */ found) => typeof found === 'string' && found.length <= 4000;

/** What may be asked of the engine, and with what. @type {Record<string, Record<string, (found: unknown) => boolean>>} */
export const verbs = {
  model: {},
  look: { title: text(LONGEST_TITLE), text: text(LONGEST_TEXT, 1) },
  read: {},
  ask: { question: text(LONGEST_QUESTION, 1) },
  stop: {},
  kept: {},
  forget: { id: sessionId },
  'change-model': {},
};

/** @param {unknown} found @param {Record<string, (found: unknown) => boolean>} shape @param {string} what */
const checkShape = (found, shape, what) => {
  if (typeof found !== 'object' || found === null) {
    throw new LonghandError('input/type', `${what} is no object. It was ignored.`);
  }
  const fields = /** @type {Record<string, unknown>} */ (found);
  const wrong = Object.keys(shape).find((name) => !shape[name]?.(fields[name]));
  const strange = Object.keys(fields).find((name) => !Object.hasOwn(shape, name));
  if (wrong !== undefined || strange !== undefined) {
    throw new LonghandError('input/type', `${what} has a wrong “${wrong ?? strange}”. It was ignored.`);
  }
};

/** @param {unknown} found @returns {Request} */
export const checkRequest = (found) => {
  const verb = /** @type {{ verb?: unknown } | null | undefined} */ (found)?.verb;
  const known = typeof verb === 'string' && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!known) throw new LonghandError('input/type', 'A message to the engine has no verb of its own.');
  const call = (/** @type {unknown} */ n) => Number.isSafeInteger(n) && Number(n) > 0;
  checkShape(found, { verb: text(20), call, ...known }, `The message “${verb}”`);
  return /** @type {Request} */ (found);
};

/** @param {unknown} found @returns {Page} */
export const checkPage = (found) => {
  const shape = {
    url: webAddress,
    title: text(LONGEST_TITLE),
    text: text(LONGEST_TEXT),
    selection: text(LONGEST_TEXT),
  };
  checkShape(found, shape, 'What the page says of itself');
  return /** @type {Page} */ (found);
};

/** Whether it comes from a page of this extension called `name`: not from a site, nor from what runs in one. */
export const isOurs = (
  /** @type {chrome.runtime.MessageSender | undefined} */ sender,
  /** @type {string} */ name,
) => {
  if (sender?.id !== chrome.runtime.id) return false;
  const own = chrome.runtime.getURL(name);
  return sender.url === own || (sender.url?.startsWith(`${own}?`) ?? false);
};
