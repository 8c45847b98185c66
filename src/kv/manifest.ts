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
  /** Whether what is read in it may be shared by content: not where its pages came from elsewhere, in a file. */
  readonly sharing: boolean;
  /** JSON of the layer above (turns, positions of texts), kept as it is. */
  readonly notes: unknown;
}

/** A session as it is stored: one manifest names everything it rests on. Writing it is the commit. */
export interface Manifest extends SessionState {
  /** Of all that shapes its pages and their records. */
  readonly fingerprint: string;
  readonly segmentTokens: number;
  /** Private runs with the tokens that are not canonical, in order. Clones name the same ones. */
  readonly tail: readonly TailRun[];
}

export interface TailRun {
  /** See `runName`. */
  readonly name: string;
  readonly tokens: number;
  /** Of its head and records. */
  readonly bytes: number;
}

/** Version 1 named records by their keys, in a layout that is gone: its tokens count, its pages are computed again. */
const MANIFEST_VERSION = 2;
const MANIFEST = magic('LHM1');
const COUNTS = 2;

const isText = (value: unknown): value is string => typeof value === 'string';
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

/** Whether parsed JSON has every field of a manifest, and they agree with each other. */
export const isManifestOf = (json: unknown, tokens: number): json is Omit<Manifest, 'tokens'> => {
  const m = json as Manifest | null;
  const made = m?.made as Provenance | null | undefined;
  return (
    [m?.id, m?.title, m?.fingerprint].every(isText) &&
    // A clock that was never set may say a time before 1970.
    [m?.created, m?.used].every(Number.isSafeInteger) &&
    [m?.canonical, m?.bytes, m?.segmentTokens].every(isCount) &&
    [made?.model, made?.tokenizer, made?.codec, made?.attention, made?.build].every(isText) &&
    typeof m?.sharing === 'boolean' &&
    Array.isArray(m.tail) &&
    m.tail.every((run) => isText(run?.name) && isCount(run.tokens) && isCount(run.bytes)) &&
    m.segmentTokens > 0 &&
    m.canonical % m.segmentTokens === 0 &&
    m.canonical + m.tail.reduce((sum, run) => sum + run.tokens, 0) <= tokens
  );
};

/** The bytes of a manifest (docs/FORMAT.md): counts, tokens, then JSON of the rest. */
export const encodeManifest = (manifest: Manifest): Uint8Array<ArrayBuffer> => {
  const { tokens, ...rest } = manifest;
  // Better to fail now than to store what nobody can open.
  if (!isManifestOf(rest, tokens.length)) {
    throw new LonghandError(
      'internal',
      `The manifest of session '${manifest.id}' is inconsistent. Please report this.`,
    );
  }
  const json = new TextEncoder().encode(JSON.stringify(rest));
  const jsonAt = 4 * (COUNTS + tokens.length);
  return seal(MANIFEST, MANIFEST_VERSION, jsonAt + json.length, (body) => {
    const words = new Uint32Array(body.buffer, body.byteOffset, COUNTS + tokens.length);
    words.set([tokens.length, json.length]);
    words.set(tokens, COUNTS);
    body.set(json, jsonAt);
  });
};

export const corruptSession = (id: string, fault: string): LonghandError =>
  new LonghandError(
    'storage/corrupt',
    `What is stored of session '${id}' is damaged: ${fault}. It cannot be opened; delete the session and read the ` +
      'text again. The parts of the text that were read are found again by themselves.',
    { session: id, fault },
  );

/** A manifest, or in words why the bytes are none; a version that this Longhand does not know. */
export type ReadManifest =
  | { readonly manifest: Manifest; readonly fault?: undefined }
  | { readonly manifest?: undefined; readonly fault: string; readonly newer?: number };

/** Reads bytes from anywhere: nothing is believed before it was checked. */
export const readManifest = (bytes: Uint8Array): ReadManifest => {
  const sealed = unseal(MANIFEST, bytes);
  if (sealed.fault !== undefined) return { fault: sealed.fault };
  const { version, body } = sealed;
  if (version > MANIFEST_VERSION || version < 1) return { fault: `its format is ${version}`, newer: version };
  const words = new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);
  const [tokenCount = 0, jsonBytes = 0] = words;
  const jsonAt = 4 * (COUNTS + tokenCount);
  if (words.length < COUNTS || Math.ceil((jsonAt + jsonBytes) / 4) * 4 !== body.length)
    return { fault: 'its lengths do not add up' };
  const json = parse(body.subarray(jsonAt, jsonAt + jsonBytes));
  const rest = version === 1 ? fromFirst(json) : json;
  if (!isManifestOf(rest, tokenCount)) return { fault: 'its fields are not those of a manifest' };
  return { manifest: { ...rest, tokens: words.slice(COUNTS, COUNTS + tokenCount) } };
};

/** What version 1 said, without the pages that it named. */
const fromFirst = (json: unknown): unknown => {
  if (json === null || typeof json !== 'object') return json;
  const { segments: _segments, ...rest } = json as Record<string, unknown>;
  return { ...rest, sharing: true, tail: [] };
};

/**
 * Reads the manifest stored for session `id`. Throws `storage/corrupt` when it is damaged and `storage/version` when a
 * newer Longhand wrote it; neither deletes anything.
 */
export const decodeManifest = (id: string, bytes: Uint8Array): Manifest => {
  const read = readManifest(bytes);
  if (read.manifest?.id === id) return read.manifest;
  if (read.manifest) throw corruptSession(id, 'it is the manifest of another session');
  if (read.newer === undefined) throw corruptSession(id, read.fault);
  throw new LonghandError(
    'storage/version',
    `Session '${id}' was stored in format ${read.newer}; this Longhand reads formats up to ${MANIFEST_VERSION}. ` +
      'Use the newer Longhand that stored it. Nothing was deleted.',
    { session: id, found: read.newer, supported: MANIFEST_VERSION },
  );
};

/** JSON, or `undefined` where it is none. */
export const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
};
