import { digest, hex } from './digest.js';

/** What pages were made with. K and V follow from the tokens and from all of these but the tokenizer. */
export interface Provenance {
  /** Identifies the weights, e.g. a digest of the model file's header and tensors. */
  readonly model: string;
  readonly tokenizer: string;
  /** Names and versions of the codecs of keys and values. */
  readonly codec: string;
  /** The predictor's signature: the attention options that shape K and V. */
  readonly attention: string;
  /** The numerics class: backend, its build, and the version of what its kernels compute. Bit-equal within one. */
  readonly build: string;
}

/** Two runs with equal fingerprints write equal pages for equal tokens. 32 hexadecimal digits. */
export const fingerprintOf = ({ model, codec, attention, build }: Provenance): string =>
  hex(digest(new TextEncoder().encode(JSON.stringify([model, codec, attention, build]))));

/**
 * The keys of the first `count` (default: all) whole segments of `ids`, 32 hexadecimal digits each. A key is a digest of the one
 * before it and of the segment's ids; before the first stands one of `fingerprint` and the segment length. So equal
 * beginnings have equal keys, and a change changes every key from its segment on. A key only finds a record; the
 * record's own token ids decide.
 */
export const segmentKeys = (
  fingerprint: string,
  ids: ArrayLike<number>,
  segmentTokens: number,
  count = Math.floor(ids.length / segmentTokens),
): string[] => {
  const link = new Uint32Array(4 + segmentTokens);
  link.set(digest(new TextEncoder().encode(`${segmentTokens} ${fingerprint}`)));
  return Array.from({ length: count }, (_, segment) => {
    for (let i = 0; i < segmentTokens; i++) link[4 + i] = ids[segment * segmentTokens + i]!;
    const key = digest(new Uint8Array(link.buffer));
    link.set(key);
    return hex(key);
  });
};
