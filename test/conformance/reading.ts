import type { Backend, KvLayer, KvShape, Tensor } from '../../src/backends/backend.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';

/** A text as attention sees it: stored keys and values of a few layers, the same bytes on every backend. */
export interface Reading {
  readonly tokens: number;
  readonly shape: KvShape;
  readonly heads: number;
  /** Per layer, (tokens, kvHeads · keyDim), before they are stored. */
  readonly keys: readonly Float32Array[];
  /** Per layer, the stored pages. */
  readonly pages: readonly (readonly Uint8Array[])[];
  readonly marks: Uint8Array;
}

export interface ReadingOptions {
  readonly tokens: number;
  readonly layers?: number;
  readonly kvHeads?: number;
  /** Query heads of a KV head. */
  readonly group?: number;
  readonly dim?: number;
  readonly keys?: KvShape['keys'];
  readonly seed?: number;
  /** Changes the keys of a layer before they are stored. */
  readonly edit?: (keys: Float32Array, layer: number) => void;
}

/** Keys wander from topic to topic, every 5 to 60 tokens, with noise: chunks are there to be found. */
const topicalKeys = (tokens: number, width: number, seed: number): Float32Array => {
  const numbers = random(seed);
  const keys = new Float32Array(tokens * width);
  let topic = numbers.normals(width);
  let left = 0;
  for (let token = 0; token < tokens; token++, left--) {
    if (left <= 0) {
      topic = numbers.normals(width);
      left = 5 + numbers.below(56);
    }
    for (let c = 0; c < width; c++) keys[token * width + c] = topic[c]! + 0.5 * numbers.normal();
  }
  return keys;
};

export const tensorOf = (backend: Backend, rows: number, cols: number, values: Float32Array): Tensor => {
  const tensor = backend.tensor('test', rows, cols);
  backend.upload(tensor, values);
  return tensor;
};

export const createReading = async (options: ReadingOptions): Promise<Reading> => {
  const { tokens, layers = 1, kvHeads = 2, group = 2, dim = 64, keys: codec = 'q8', seed = 1 } = options;
  const shape: KvShape = { kvHeads, keyDim: dim, valueDim: dim, keys: codec, values: 'q8' };
  const reference = createRefBackend();
  const width = kvHeads * dim;
  const keys: Float32Array[] = [];
  const pages: Uint8Array[][] = [];
  for (let layer = 0; layer < layers; layer++) {
    const k = topicalKeys(tokens, width, seed + 100 * layer);
    options.edit?.(k, layer);
    const kv = reference.kvLayer('kv', shape);
    reference.mapPages(kv, Math.ceil(tokens / 64));
    const v = random(seed + 7).normals(tokens * width);
    reference.appendKv(kv, tensorOf(reference, tokens, width, k), tensorOf(reference, tokens, width, v), 0);
    keys.push(k);
    pages.push(
      await Promise.all(Array.from({ length: kv.pages }, (_, page) => reference.readPage(kv, page))),
    );
  }
  const numbers = random(seed + 13);
  const marks = new Uint8Array(tokens).map(() => (numbers.next() < 0.05 ? 1 : 0));
  return { tokens, shape, heads: kvHeads * group, keys, pages, marks };
};

/** The reading's pages on a backend. */
export const putPages = (backend: Backend, reading: Reading, layer = 0): KvLayer => {
  const kv = backend.kvLayer('kv', reading.shape);
  const pages = reading.pages[layer]!;
  backend.mapPages(kv, pages.length);
  pages.forEach((bytes, page) => {
    backend.writePage(kv, page, bytes);
  });
  return kv;
};
