import { hex } from './digest.js';
import { magic, seal, unseal } from './seal.js';

/** Segment keys with a number each, and what they have in common: uses of texts, leases, and what was evicted. */
export interface KeyList {
  /** A place in the order of all uses. */
  readonly order: number;
  /** 32 hexadecimal digits: what the keys were made with. */
  readonly scope: string;
  readonly entries: readonly KeyEntry[];
}

export interface KeyEntry {
  /** 32 hexadecimal digits. */
  readonly key: string;
  /** Bytes of a segment's head and records, or 0. */
  readonly bytes: number;
}

export const NO_SCOPE = '0'.repeat(32);

const MAGIC = magic('LHK1');
const VERSION = 1;
const SCOPE_AT = 12;
const ENTRIES_AT = SCOPE_AT + 16;
const ENTRY = 20;
const WORD = 2 ** 32;

const writeKey = (body: Uint8Array, at: number, key: string): void => {
  for (let i = 0; i < 16; i++) body[at + i] = Number.parseInt(key.slice(2 * i, 2 * i + 2), 16);
};
const readKey = (body: Uint8Array, at: number): string =>
  hex(new Uint32Array(body.slice(at, at + 16).buffer as ArrayBuffer));

/** The bytes of a key list (docs/FORMAT.md). */
export const encodeKeyList = ({ order, scope, entries }: KeyList): Uint8Array<ArrayBuffer> =>
  seal(MAGIC, VERSION, ENTRIES_AT + ENTRY * entries.length, (body) => {
    const words = new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);
    words.set([order % WORD, Math.floor(order / WORD), entries.length]);
    writeKey(body, SCOPE_AT, scope);
    for (const [n, { key, bytes }] of entries.entries()) {
      const at = ENTRIES_AT + ENTRY * n;
      writeKey(body, at, key);
      words[(at + 16) >>> 2] = bytes;
    }
  });

/** `undefined` for bytes that are no key list, whatever they are. */
export const decodeKeyList = (bytes: Uint8Array | undefined): KeyList | undefined => {
  const sealed = bytes && unseal(MAGIC, bytes);
  if (!sealed || sealed.fault !== undefined || sealed.version !== VERSION) return undefined;
  const { body } = sealed;
  const words = new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);
  const [low = 0, high = 0, count = 0] = words;
  if (body.length !== ENTRIES_AT + ENTRY * count || high >= 2 ** 21) return undefined;
  const entries = Array.from({ length: count }, (_, n) => {
    const at = ENTRIES_AT + ENTRY * n;
    return { key: readKey(body, at), bytes: words[(at + 16) >>> 2]! };
  });
  return { order: high * WORD + low, scope: readKey(body, SCOPE_AT), entries };
};
