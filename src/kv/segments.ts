import { digest, hex } from './digest.js';

/** What pages were made with. K and V follow from the tokens and from all of these but the tokenizer. */
export interface Provenance {
  /** Identifies the weights, e.g. a digest of the model file's header and tensors. */
  readonly model: string;
  readonly tokenizer: string;
  /** Names and versions of the codecs of keys and values. */
  readonly codec: string;
  /** The attention options, of texts and of questions and answers, and what retention makes of texts. */
  readonly attention: string;
  /** Of them those that shape the pages of a text, and what is noted of these. Missing: all of them. */
  readonly reads?: string;
  /** The numerics class: backend, its build, and the version of what its kernels compute. Bit-equal within one. */
  readonly build: string;
}

/** Two texts with equal fingerprints have equal pages for equal tokens. 32 hexadecimal digits. */
export const fingerprintOf = ({ model, codec, attention, reads = attention, build }: Provenance): string =>
  hex(digest(new TextEncoder().encode(JSON.stringify([model, codec, reads, build]))));

/**
 * The keys of whole segments of a token list, 32 hexadecimal digits each. A key is a digest of the one before it and of
 * the segment's ids; before the first stands one of `fingerprint` and the segment length. So equal beginnings have equal
 * keys, and a change changes every key from its segment on. A key only finds a run; the ids in its head decide.
 */
export interface SegmentKeys {
  /** Keys of the first `count` segments of `ids`. Those made before are taken as they are. */
  upTo(ids: ArrayLike<number>, count: number): readonly string[];
  /** The list will hold other tokens from segment `from` on. */
  cut(from: number): void;
}

export const createSegmentKeys = (fingerprint: string, segmentTokens: number): SegmentKeys => {
  const links = [digest(new TextEncoder().encode(`${segmentTokens} ${fingerprint}`))];
  const keys: string[] = [];
  const block = new Uint32Array(4 + segmentTokens);
  return {
    upTo(ids, count) {
      for (let segment = keys.length; segment < count; segment++) {
        block.set(links[segment]!);
        for (let i = 0; i < segmentTokens; i++) block[4 + i] = ids[segment * segmentTokens + i]!;
        const link = digest(new Uint8Array(block.buffer));
        links.push(link);
        keys.push(hex(link));
      }
      return keys.slice(0, count);
    },
    cut(from) {
      keys.length = Math.min(keys.length, from);
      links.length = keys.length + 1;
    },
  };
};

/** The keys of all whole segments of `ids`. */
export const segmentKeys = (
  fingerprint: string,
  ids: ArrayLike<number>,
  segmentTokens: number,
): readonly string[] =>
  createSegmentKeys(fingerprint, segmentTokens).upTo(ids, Math.floor(ids.length / segmentTokens));
