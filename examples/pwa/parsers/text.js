// @ts-check
import { decode } from './decode.js';

/** No character has more bytes. */
const BYTES = 4;

/** @type {import('./extract.js').Read} */
export const read = async (bytes, { most }) => {
  const part = bytes.subarray(0, most * BYTES);
  const text = decode(part).slice(0, most);
  const share = part.length < bytes.length ? part.length / bytes.length : 1;
  return { title: '', text, share };
};
