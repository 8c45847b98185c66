import type { Backend, Tensor, Weight } from '../backends/backend.js';

/** The verbs that it takes. `swap` puts a weight in another's place, and frees that. */
export interface Bench extends Pick<Backend, 'tensor' | 'embed' | 'read' | 'weight' | 'fill' | 'free'> {
  swap(old: Weight, made: Weight): void;
}

/** Kernels step through a vector 16 channels at a time. */
export const LANES = 16;
/** Rows of a weight that are read back at a time. */
const ROWS = 256;

/** A weight as numbers, (rows, cols). */
export const numbersOf = async (b: Bench, weight: Weight): Promise<Float32Array> => {
  const { rows, cols } = weight;
  const all = new Float32Array(rows * cols);
  for (let from = 0; from < rows; from += ROWS) {
    const count = Math.min(ROWS, rows - from);
    const some: Tensor = b.tensor('rows', count, cols);
    const ids = Array.from({ length: count }, (_, i) => from + i);
    b.embed(some, weight, ids);
    all.set(await b.read(some), from * cols);
    b.free(some);
  }
  return all;
};
