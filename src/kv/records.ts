import { PAGE } from '../backends/backend.js';
import { magic, seal, sealedBytes, unseal } from './seal.js';

/**
 * A run of pages at rest: one head, and records of pages, each of a layer or a few, or of some pages of one. Attaching a
 * text reads heads only; records are read when a plan names their pages.
 */

/** What must be known of a run before anything of it is read. */
export interface RunHead {
  readonly firstPage: number;
  /** Ids of the tokens in its pages. */
  readonly tokens: Uint32Array;
  /** What `readChunks` gave for these pages, opaque. */
  readonly chunks: Uint8Array;
}

/** Consecutive pages of a group of layers: the unit in which K and V rest in a store. */
export interface KvRecord {
  readonly layers: LayerGroup;
  readonly firstPage: number;
  /** pages[layer − from][page − firstPage], as many in every layer, perhaps none; equally long within a layer. */
  readonly pages: readonly (readonly Uint8Array[])[];
}

/** A run to be stored: its head, and one record for each `RecordGroup`. */
export interface NewRun {
  readonly head: RunHead;
  readonly records: readonly KvRecord[];
}

/** Layers [from, to). */
export interface LayerGroup {
  readonly from: number;
  readonly to: number;
}

/** What one record of a run holds: pages of layers [from, to), of the run's pages those at [pages.from, pages.to). */
export interface RecordGroup extends LayerGroup {
  readonly pages: { readonly from: number; readonly to: number };
  /** Only the last page of a run, whichever that is: the state of a layer that has one. */
  readonly last?: true;
}

/** Which pages of a run of so many a group holds, [from, to). */
export const pagesOf = (
  { pages: { from, to }, last }: RecordGroup,
  count: number,
): { readonly from: number; readonly to: number } =>
  last ? { from: count - 1, to: count } : { from, to: Math.max(from, Math.min(to, count)) };

/** Raised whenever the bytes of a head or record change meaning; part of the key of every segment. */
export const RECORD_VERSION = 2;
/** Bytes of K and V aimed at in a record: a step misses single pages (docs/adr/0012-records-of-single-layers.md). */
const RECORD_BYTES = 24 * 1024;
const HEAD = magic('LHH1');
const RECORD = magic('LHR1');
const HEAD_FIELDS = 3;
const RECORD_FIELDS = 4;

/**
 * Cuts the layers into groups of nearly equal size, one record each per segment, near `recordBytes` and at most about
 * half as much again; a single layer that has more is a group by itself.
 */
export const layerGroups = (
  layers: number,
  bytesPerLayerPerSegment: number,
  recordBytes = RECORD_BYTES,
): LayerGroup[] => {
  const perGroup = Math.min(Math.max(Math.round(recordBytes / bytesPerLayerPerSegment), 1), layers);
  const groups = Math.ceil(layers / perGroup);
  const cut = (n: number): number => Math.round((n * layers) / groups);
  return Array.from({ length: groups }, (_, n) => ({ from: cut(n), to: cut(n + 1) }));
};

/**
 * The records of a run of up to `pages` pages. Where a page of a layer has about `recordBytes`, each is a record by itself;
 * smaller ones lie together, first those of one layer, then layers. Layer by layer, so that neighbours rest side by side.
 */
export const recordGroups = (
  layers: number,
  bytesPerPage: number,
  pages: number,
  recordBytes = RECORD_BYTES,
): RecordGroup[] => {
  const together = Math.min(Math.max(Math.round(recordBytes / bytesPerPage), 1), pages);
  const slices = Math.ceil(pages / together);
  const cut = (n: number): number => Math.round((n * pages) / slices);
  return layerGroups(layers, bytesPerPage * pages, recordBytes).flatMap((group) =>
    Array.from({ length: slices }, (_, n) => ({ ...group, pages: { from: cut(n), to: cut(n + 1) } })),
  );
};

/** As `recordGroups` of so large pages; layers that have states, whose page of a run is its last, are groups by themselves. */
export const groupsOf = (
  pageBytes: readonly number[],
  states: readonly boolean[],
  pages: number,
  recordBytes?: number,
): RecordGroup[] => {
  const others = pageBytes.filter((_, layer) => !states[layer]);
  const perPage = others.reduce((sum, bytes) => sum + bytes, 0) / others.length;
  const groups: RecordGroup[] = [];
  for (let from = 0, to = 0; from < pageBytes.length; from = to) {
    const isState = states[from] ?? false;
    while (to < pageBytes.length && (to === from || (!isState && !states[to]))) to++;
    if (isState) groups.push({ from, to, pages: { from: 0, to: pages }, last: true });
    else
      for (const group of recordGroups(to - from, perPage, pages, recordBytes))
        groups.push({ ...group, from: from + group.from, to: from + group.to });
  }
  return groups;
};

/** The bytes of a head (docs/FORMAT.md). Copies. */
export const encodeHead = ({ firstPage, tokens, chunks }: RunHead): Uint8Array<ArrayBuffer> => {
  const tokensAt = 4 * HEAD_FIELDS;
  const chunksAt = tokensAt + 4 * tokens.length;
  return seal(HEAD, RECORD_VERSION, chunksAt + chunks.length, (body) => {
    const words = new Uint32Array(body.buffer, body.byteOffset, HEAD_FIELDS + tokens.length);
    words.set([firstPage, tokens.length, chunks.length]);
    words.set(tokens, HEAD_FIELDS);
    body.set(chunks, chunksAt);
  });
};

/** The bytes of a record (docs/FORMAT.md). Copies; the pages stay the caller's. */
export const encodeRecord = ({ layers, firstPage, pages }: KvRecord): Uint8Array<ArrayBuffer> => {
  const count = pages[0]!.length;
  const pageBytes = pages.map((layer) => layer[0]?.length ?? 0);
  const pagesAt = 4 * (RECORD_FIELDS + pages.length);
  const bodyBytes = pagesAt + count * pageBytes.reduce((sum, bytes) => sum + bytes, 0);

  return seal(RECORD, RECORD_VERSION, bodyBytes, (body) => {
    const fields = [layers.from, layers.to, firstPage, count, ...pageBytes];
    new Uint32Array(body.buffer, body.byteOffset, fields.length).set(fields);
    let at = pagesAt;
    for (const page of pages.flat()) {
      body.set(page, at);
      at += page.length;
    }
  });
};

/** Bytes of a record of `count` pages of layers with pages of these sizes. */
export const recordSize = (pageBytes: readonly number[], count: number): number =>
  sealedBytes(4 * (RECORD_FIELDS + pageBytes.length) + count * pageBytes.reduce((sum, one) => sum + one, 0));

/** What was read, or in words why the bytes are nothing of the kind. */
export type Decoded<T> =
  | { readonly found: T; readonly fault?: undefined }
  | { readonly found?: undefined; readonly fault: string };

const opened = (name: number, bytes: Uint8Array, fields: number, known?: Uint8Array): Decoded<Uint8Array> => {
  const sealed = unseal(name, bytes, known);
  if (sealed.fault !== undefined) return { fault: sealed.fault };
  const { version, body } = sealed;
  if (version !== RECORD_VERSION) {
    return { fault: `its format is ${version} and this one reads ${RECORD_VERSION}` };
  }
  return body.length < 4 * fields ? { fault: 'its header is cut short' } : { found: body };
};

const wordsOf = (body: Uint8Array): Uint32Array =>
  new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);

const misfit = (needed: number, body: Uint8Array): string | undefined =>
  Math.ceil(needed / 4) * 4 === body.length
    ? undefined
    : `its fields add up to ${needed} bytes and it has ${body.length}`;

/** Reads bytes from a store, which are nobody's promise: the result is a consistent head or a fault. Views, no copies. */
export const decodeHead = (bytes: Uint8Array): Decoded<RunHead> => {
  const { found: body, fault } = opened(HEAD, bytes, HEAD_FIELDS);
  if (!body) return { fault };
  const words = wordsOf(body);
  const [firstPage, tokenCount, chunkBytes] = words as unknown as [number, number, number];
  const chunksAt = 4 * (HEAD_FIELDS + tokenCount);
  const wrong = misfit(chunksAt + chunkBytes, body);
  if (wrong) return { fault: wrong };
  if (tokenCount < 1) return { fault: 'it names no tokens' };
  return {
    found: {
      firstPage,
      tokens: words.subarray(HEAD_FIELDS, HEAD_FIELDS + tokenCount),
      chunks: body.subarray(chunksAt, chunksAt + chunkBytes),
    },
  };
};

/** As `decodeHead`, of a record. `known`: see `unseal`. */
export const decodeRecord = (bytes: Uint8Array, known?: Uint8Array): Decoded<KvRecord> => {
  const { found: body, fault } = opened(RECORD, bytes, RECORD_FIELDS, known);
  if (!body) return { fault };
  const words = wordsOf(body);
  const [from, to, firstPage, count] = words as unknown as [number, number, number, number];
  // Bounded by what is there before anything is counted out: a header may claim four thousand million of anything.
  const layerCount = to - from;
  if (layerCount < 1 || RECORD_FIELDS + layerCount > words.length) {
    return { fault: `it names layers ${from} to ${to}` };
  }
  const pageBytes = [...words.subarray(RECORD_FIELDS, RECORD_FIELDS + layerCount)];
  if (pageBytes.some((one) => (count === 0 ? one > 0 : one < 1))) return { fault: 'its pages have no bytes' };
  let at = 4 * (RECORD_FIELDS + layerCount);
  const wrong = misfit(at + count * pageBytes.reduce((sum, one) => sum + one, 0), body);
  if (wrong) return { fault: wrong };
  const pages = pageBytes.map((one) => Array.from({ length: count }, () => body.subarray(at, (at += one))));
  return { found: { layers: { from, to }, firstPage, pages } };
};

/** Whether a head's token ids are those of `ids` at its place. Never trust a key alone. */
export const isHeadOf = ({ firstPage, tokens }: RunHead, ids: ArrayLike<number>): boolean =>
  tokens.every((id, i) => id === ids[firstPage * PAGE + i]);
