// @ts-check
import { encodingOf } from '../../reader/text.js';
import { Unreadable } from './unreadable.js';

/** What HTML and XML say of their encoding, in their first bytes. */
const NAMED = /<(?:meta[^>]+charset|\?xml[^>]+encoding)\s*=\s*["']?\s*([\w-]+)/i;
const HEAD = 2048;

/** Bytes as text, in the encoding that they name or show. @param {Uint8Array} bytes */
export const decode = (bytes) => {
  const shown = encodingOf(bytes);
  if (!shown) throw new Unreadable('kind', 'There are zero bytes in it.');
  const head = new TextDecoder('windows-1252').decode(bytes.subarray(0, HEAD));
  const named = shown.startsWith('utf') ? undefined : NAMED.exec(head)?.[1];
  try {
    return new TextDecoder(named ?? shown).decode(bytes);
  } catch {
    return new TextDecoder(shown).decode(bytes);
  }
};
