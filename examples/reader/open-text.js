// @ts-check
// The text that lies open: its title, its words, its session, its strip.
import { desk } from './desk.js';
import { byId } from './dom.js';
import { hideAt } from './hide.js';
import { clearStrip, showStrip } from './strip.js';
import { offer } from './suggest.js';
import { markOf } from './text.js';

/** @typedef {import('./desk.js').Text} Text @typedef {import('../../dist/index.js').Session} Session */

/** The page's title for a text; whoever shows something of it hears `text-changed`. @param {Text | undefined} text */
const showTitle = (text) => {
  byId('title').textContent = text?.name ?? 'No text yet';
  const half = text?.half ?? false;
  byId('go-on').hidden = !half;
  byId('read').hidden = Boolean(text?.bundled && !text.needle);
  if (half) document.body.dataset.half = '';
  else delete document.body.dataset.half;
  document.dispatchEvent(new Event('text-changed'));
};

/** Puts a text on the desk, or none; what is open is closed. What was asked about the same text before stays in sight. @param {Text} [text] */
export const layOut = async (text) => {
  const open = desk.session;
  if (text?.id !== desk.text?.id) byId('transcript').replaceChildren();
  Object.assign(desk, { session: undefined, text, part: 1 });
  showTitle(text);
  offer(undefined);
  clearStrip();
  await open?.close();
};

/** The words of a text, with the visitor's needle where there is one. @param {Text} text */
export const wordsOf = ({ plain = '', needle }) =>
  needle ? hideAt(plain, needle.depth, needle.statement) : plain;

/** @param {Omit<Text, 'id'>} text @returns {Text} */
export const cardOf = (text) => {
  const words = wordsOf({ id: '', ...text });
  return { ...text, id: `reader/${text.name.slice(0, 100)} ${markOf(words)}` };
};

/**
 * Draws the text that lies open, and offers questions about what is read of it.
 * @param {{ tokens: number, read?: number, reused: number }} drawn `read` of `tokens`, by default all
 */
export const showText = ({ tokens, read = tokens, reused }) => {
  const { text } = desk;
  desk.part = read / tokens;
  showStrip({ tokens, read, reused, needle: text?.needle && text.needle.depth * tokens });
  offer(text, desk.part);
};
