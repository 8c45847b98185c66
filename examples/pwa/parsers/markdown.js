// @ts-check
import { marked } from 'marked';
import { decode } from './decode.js';
import { plainText } from './plain-text.js';

const FRONT = /^---\r?\n([\s\S]*?)\r?\n(?:---|\.\.\.)\r?\n/;
/** Marks of Markdown, addresses above all, are left out: so much of it at most is looked at. */
const MARKS = 4;

/** @type {import('./extract.js').Read} */
export const read = async (bytes, { most }) => {
  const whole = decode(bytes);
  const front = FRONT.exec(whole);
  const body = whole.slice(front?.[0].length ?? 0);
  const part = body.slice(0, most * MARKS);
  const { text, share } = plainText(await marked.parse(part, { gfm: true }), most);
  const named = /^title:\s*["']?(.+?)["']?\s*$/m.exec(front?.[1] ?? '')?.[1];
  const title = named ?? (/^\s*#\s/.test(body) ? text.slice(0, text.indexOf('\n') >>> 0) : '');
  return { title, text, share: (share * part.length) / Math.max(1, body.length) };
};
