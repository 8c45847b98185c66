import { LonghandError } from '../errors.js';
import { magic, seal, unseal } from './seal.js';
import type { Provenance } from './segments.js';

/** What is known of a session; what its owner writes. */
export interface SessionState {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly used: number;
  /** What its pages were made with. */
  readonly made: Provenance;
  /** The truth: everything else is a cache of it. */
  readonly tokens: Uint32Array;
  /** Leading tokens whose pages rest in segments shared by content; a multiple of the segment length. */
  readonly canonical: number;
  /** Bytes of K and V of all its tokens, shared ones included. */
  readonly bytes: number;
  /** JSON of the layer above (turns, positions of texts), kept as it is. */
  readonly notes: unknown;
}

/** A session as it is stored: one manifest names everything it rests on. Writing it is the commit. */
export interface Manifest extends SessionState {
  readonly fingerprint: string;
  readonly segmentTokens: number;
  /** Keys of the segments that hold the canonical tokens, in order. */
  readonly segments: readonly string[];
  /** Records of the tokens after them, this session's own, in the order they were given. */
  readonly tail: readonly TailRecord[];
}

export interface TailRecord {
  readonly key: string;
  readonly bytes: number;
}

const MANIFEST_VERSION = 1;
const MAGIC = magic('LHM1');
const COUNTS = 2;

/** The bytes of a manifest (docs/FORMAT.md): counts, tokens, then JSON of the rest. */
export const encodeManifest = (manifest: Manifest): Uint8Array<ArrayBuffer> => {
  const { tokens, ...rest } = manifest;
  // Better to fail now than to store what nobody can open.
  if (!isWhole(rest, tokens.length)) {
    throw new LonghandError(
      'internal',
      `The manifest of session '${manifest.id}' is inconsistent. Please report this.`,
    );
  }
  const json = new TextEncoder().encode(JSON.stringify(rest));
  const jsonAt = 4 * (COUNTS + tokens.length);
  return seal(MAGIC, MANIFEST_VERSION, jsonAt + json.length, (body) => {
    const words = new Uint32Array(body.buffer, body.byteOffset, COUNTS + tokens.length);
    words.set([tokens.length, json.length]);
    words.set(tokens, COUNTS);
    body.set(json, jsonAt);
  });
};

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Whether parsed JSON has every field of a manifest, and they agree with each other. */
const isWhole = (json: unknown, tokens: number): json is Omit<Manifest, 'tokens'> => {
  const m = json as Manifest | null;
  const made = m?.made as Provenance | null | undefined;
  return (
    [m?.id, m?.title, m?.fingerprint].every(isText) &&
    [m?.created, m?.used, m?.canonical, m?.bytes, m?.segmentTokens].every(isCount) &&
    [made?.model, made?.tokenizer, made?.codec, made?.attention, made?.build].every(isText) &&
    Array.isArray(m?.segments) &&
    m.segments.every(isText) &&
    Array.isArray(m.tail) &&
    m.tail.every((one) => isText(one?.key) && isCount(one?.bytes)) &&
    m.segmentTokens > 0 &&
    m.canonical === m.segments.length * m.segmentTokens &&
    m.canonical <= tokens
  );
};

const corrupt = (id: string, fault: string): LonghandError =>
  new LonghandError(
    'storage/corrupt',
    `What is stored of session '${id}' is damaged: ${fault}. It cannot be opened; delete the session and read the ` +
      'text again. The parts of the text that were read are found again by themselves.',
    { session: id, fault },
  );

/**
 * Reads the manifest stored for session `id`. Throws `storage/corrupt` when it is damaged and `storage/version` when a
 * newer Longhand wrote it; neither deletes anything.
 */
export const decodeManifest = (id: string, bytes: Uint8Array): Manifest => {
  const sealed = unseal(MAGIC, bytes);
  if (sealed.fault !== undefined) throw corrupt(id, sealed.fault);
  const { version, body } = sealed;
  if (version !== MANIFEST_VERSION) {
    throw new LonghandError(
      'storage/version',
      `Session '${id}' was stored in format ${version}; this Longhand reads format ${MANIFEST_VERSION}. ` +
        'Use the newer Longhand that stored it. Nothing was deleted.',
      { session: id, found: version, supported: MANIFEST_VERSION },
    );
  }
  const words = new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);
  const [tokenCount = 0, jsonBytes = 0] = words;
  const jsonAt = 4 * (COUNTS + tokenCount);
  if (words.length < COUNTS || Math.ceil((jsonAt + jsonBytes) / 4) * 4 !== body.length) {
    throw corrupt(id, 'its lengths do not add up');
  }
  const json = parse(body.subarray(jsonAt, jsonAt + jsonBytes));
  if (!isWhole(json, tokenCount) || json.id !== id)
    throw corrupt(id, 'its fields are not those of a manifest');
  return { ...json, tokens: words.slice(COUNTS, COUNTS + tokenCount) };
};

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
};
