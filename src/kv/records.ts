import { PAGE } from '../backends/backend.js';
import { magic, seal, unseal } from './seal.js';

/** Consecutive pages of a group of layers: the unit in which K and V rest in a store. */
export interface KvRecord {
  readonly layers: LayerGroup;
  readonly firstPage: number;
  /** Ids of the tokens in these pages; empty unless the group starts at layer 0. */
  readonly tokens: Uint32Array;
  /** What `readChunks` gave for these pages, opaque; empty unless the group starts at layer 0. */
  readonly chunks: Uint8Array;
  /** pages[layer − from][page − firstPage], as many in every layer; equally long within a layer. */
  readonly pages: readonly (readonly Uint8Array[])[];
}

/** Layers [from, to). */
export interface LayerGroup {
  readonly from: number;
  readonly to: number;
}

/** Raised whenever the bytes of a record change meaning; part of the key of every segment. */
export const RECORD_VERSION = 1;
/** Bytes of K and V in a record that reads and writes well (see docs/FORMAT.md). */
const RECORD_BYTES = 512 * 1024;
const MAGIC = magic('LHR1');
const FIELDS = 6;

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

/** The bytes of a record (docs/FORMAT.md). Copies; the pages stay the caller's. */
export const encodeRecord = (record: KvRecord): Uint8Array<ArrayBuffer> => {
  const { layers, firstPage, tokens, chunks, pages } = record;
  const count = pages[0]!.length;
  const pageBytes = pages.map((layer) => layer[0]!.length);
  const tokensAt = 4 * (FIELDS + pages.length);
  const chunksAt = tokensAt + 4 * tokens.length;
  const pagesAt = chunksAt + chunks.length;
  const bodyBytes = pagesAt + count * pageBytes.reduce((sum, bytes) => sum + bytes, 0);

  return seal(MAGIC, RECORD_VERSION, bodyBytes, (body) => {
    const fields = [layers.from, layers.to, firstPage, count, tokens.length, chunks.length, ...pageBytes];
    new Uint32Array(body.buffer, body.byteOffset, fields.length).set(fields);
    new Uint32Array(body.buffer, body.byteOffset + tokensAt, tokens.length).set(tokens);
    body.set(chunks, chunksAt);
    let at = pagesAt;
    for (const page of pages.flat()) {
      body.set(page, at);
      at += page.length;
    }
  });
};

/** A record, or in words why the bytes are none. */
export type DecodedRecord =
  | { readonly record: KvRecord; readonly fault?: undefined }
  | { readonly record?: undefined; readonly fault: string };

/**
 * Reads bytes from a store, which are nobody's promise: whatever they are, the result is a consistent record or a
 * fault. Views, no copies.
 */
export const decodeRecord = (bytes: Uint8Array): DecodedRecord => {
  const sealed = unseal(MAGIC, bytes);
  if (sealed.fault !== undefined) return { fault: sealed.fault };
  const { version, body } = sealed;
  if (version !== RECORD_VERSION) {
    return { fault: `its format is ${version} and this one reads ${RECORD_VERSION}` };
  }
  if (body.length < 4 * FIELDS) return { fault: 'its header is cut short' };

  const words = new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);
  const [from, to, firstPage, count, tokenCount, chunkBytes] = words as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Bounded by what is there before anything is counted out: a header may claim four thousand million of anything.
  const layerCount = to - from;
  if (layerCount < 1 || FIELDS + layerCount > words.length)
    return { fault: `it names layers ${from} to ${to}` };
  const pageBytes = [...words.subarray(FIELDS, FIELDS + layerCount)];
  if (count < 1 || pageBytes.some((one) => one < 1)) return { fault: 'it holds no pages' };
  if (tokenCount > count * PAGE) return { fault: `it names ${tokenCount} tokens in ${count} pages` };
  const tokensAt = 4 * (FIELDS + layerCount);
  const chunksAt = tokensAt + 4 * tokenCount;
  const pagesAt = chunksAt + chunkBytes;
  const needed = pagesAt + count * pageBytes.reduce((sum, one) => sum + one, 0);
  if (Math.ceil(needed / 4) * 4 !== body.length) {
    return { fault: `its fields add up to ${needed} bytes and it has ${body.length}` };
  }

  let at = pagesAt;
  const pages = pageBytes.map((one) => Array.from({ length: count }, () => body.subarray(at, (at += one))));
  return {
    record: {
      layers: { from, to },
      firstPage,
      tokens: words.subarray(tokensAt >>> 2, chunksAt >>> 2),
      chunks: body.subarray(chunksAt, pagesAt),
      pages,
    },
  };
};

/** Whether a record's own token ids, if it holds any, are those of `ids` at its place. Never trust a key alone. */
export const isRecordOf = ({ layers, firstPage, tokens }: KvRecord, ids: ArrayLike<number>): boolean => {
  const start = firstPage * PAGE;
  const expected = layers.from === 0 ? tokens.length > 0 : tokens.length === 0;
  return expected && tokens.every((id, i) => id === ids[start + i]);
};
