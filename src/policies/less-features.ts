import type { Backend, KvShape, Tensor, Weight } from '../backends/backend.js';
import { inOwnChannels } from '../kv/stored-head.js';
import { type LessKernels, mixFeatures } from './less-kernels.js';

/** ψ of keys as their codec stored them: made for a KV head of a layer, which holds memory until it is freed. */
export interface KeyFeatures {
  /** (keys, rank) of (keys, dim). */
  of(keys: Float32Array): Promise<Float32Array>;
  free(): void;
}

/** Thousands of keys at once are the backend's work. */
export const createKeyFeatures = (
  backend: Backend,
  kernels: LessKernels,
  shape: KvShape,
  layer: number,
  head: number,
): KeyFeatures => {
  const { dim, hidden, rank } = kernels;
  const { k1, k2 } = kernels.layers[layer]!;
  const held: Weight[] = [];
  const free = (): void => {
    for (const weight of held) backend.free(weight);
  };
  const weightOf = (map: Float32Array<ArrayBuffer>, rows: number, cols: number): Weight => {
    const weight = backend.weight('kernels', 'F32', rows, cols);
    held.push(weight);
    backend.fill(weight, 0, new Uint8Array(map.buffer, map.byteOffset, map.byteLength));
    return weight;
  };
  const first = k1.slice(head * hidden * dim, (head + 1) * hidden * dim);
  // Keys may lie rotated; the rows that meet them are fewer.
  for (let row = 0; row < hidden; row++) inOwnChannels(first.subarray(row * dim, (row + 1) * dim), shape);
  let maps: readonly [Weight, Weight];
  try {
    const second = k2.slice(head * rank * hidden, (head + 1) * rank * hidden);
    maps = [weightOf(first, hidden, dim), weightOf(second, rank, hidden)];
  } catch (error) {
    free();
    throw error;
  }
  return {
    free,
    async of(keys) {
      const rows = keys.length / dim;
      const used: Tensor[] = [];
      const tensorOf = (cols: number): Tensor => {
        const tensor = backend.tensor('features', rows, cols);
        used.push(tensor);
        return tensor;
      };
      try {
        const [x, inner, out] = [tensorOf(dim), tensorOf(hidden), tensorOf(rank)];
        // A gate that multiplies with 1 is its activation.
        const ones = tensorOf(Math.max(hidden, rank));
        backend.upload(ones, new Float32Array(ones.rows * ones.cols).fill(1));
        backend.upload(x, keys);
        backend.matmul(inner, x, maps[0]);
        backend.gate(inner, backend.view(ones, rows, hidden), 'gelu');
        backend.matmul(out, inner, maps[1]);
        backend.gate(out, backend.view(ones, rows, rank), 'gelu');
        const features = (await backend.read(out)).slice();
        mixFeatures(kernels, layer, head, features);
        return features;
      } finally {
        for (const tensor of used) backend.free(tensor);
      }
    },
  };
};
