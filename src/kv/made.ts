import { magic, seal, unseal } from './seal.js';
import type { Provenance } from './segments.js';
import { scopeKey } from './uses.js';
import type { StoreEntry } from './write-behind.js';

/** What keys of segments were made with, so that a text read under other options is found all the same. */
export interface Made {
  /** What its keys begin with, see `createSegmentKeys`. */
  readonly scope: string;
  readonly made: Provenance;
}

export const MADE = 'made/';
const MAGIC = magic('LHP1');
const VERSION = 1;

export const madeEntry = (scope: string, made: Provenance): StoreEntry => {
  const json = new TextEncoder().encode(JSON.stringify({ scope, made } satisfies Made));
  const bytes = seal(MAGIC, VERSION, json.length + 4, (body) => {
    new Uint32Array(body.buffer, body.byteOffset, 1)[0] = json.length;
    body.set(json, 4);
  });
  return [MADE + scopeKey(scope), bytes];
};

/** `undefined` for bytes that are none of ours. */
export const decodeMade = (bytes: Uint8Array | undefined): Made | undefined => {
  const sealed = bytes && unseal(MAGIC, bytes);
  if (!sealed || sealed.fault !== undefined || sealed.version !== VERSION) return undefined;
  const { body } = sealed;
  const [length = 0] = new Uint32Array(body.buffer, body.byteOffset, 1);
  try {
    const json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body.subarray(4, 4 + length)));
    const { scope, made } = json as Made;
    const fields = [scope, made.model, made.tokenizer, made.codec, made.attention, made.build];
    return fields.every((one) => typeof one === 'string') ? json : undefined;
  } catch {
    return undefined;
  }
};
