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

/** The parts of what keys are made with, as people call them. */
const PARTS = {
  model: 'model',
  codec: 'page format',
  attention: 'attention method',
  build: 'build of the kernels',
} as const;

/** One thing that pages were made with, and what they would be made with now. */
export interface MadeOtherwise {
  /** `build`: backend, its build, and the version of what its kernels compute. `records`: how pages are laid out at rest. */
  readonly part: keyof typeof PARTS | 'records';
  readonly found: string;
  readonly ours: string;
}

/** What differs; where nothing else does, it is the layout of records. */
export const madeOtherwise = (found: Provenance, ours: Provenance): MadeOtherwise[] => {
  const parts = (Object.keys(PARTS) as (keyof typeof PARTS)[]).filter((part) => found[part] !== ours[part]);
  const others = parts.map((part) => ({ part, found: found[part], ours: ours[part] }));
  return others.length > 0 ? others : [{ part: 'records', found: 'another layout', ours: 'this layout' }];
};

/** The same in words, to follow "made with another". Digests of models say nothing to anybody. */
export const inWords = (otherwise: readonly MadeOtherwise[]): string =>
  otherwise
    .map(({ part, found }) => {
      if (part === 'records') return 'layout of records';
      return part === 'model' ? PARTS[part] : `${PARTS[part]} (${found})`;
    })
    .join(', ');
