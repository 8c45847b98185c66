// @ts-check
import { decode } from './decode.js';
import { plainText } from './plain-text.js';

/** @type {import('./extract.js').Read} */
export const read = async (bytes, { most }) => plainText(decode(bytes), most);
