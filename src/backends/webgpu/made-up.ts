import type { Backend, Tensor, Weight } from '../backend.js';
import { isFloat, ROW_FORMATS, rowBytes, type WeightType } from '../row-formats.js';
import { f32 } from './recorder.js';

type Memory = Pick<Backend, 'tensor' | 'upload' | 'weight' | 'fill'>;

/** Types whose stretches begin with two f16 instead of one. */
const TWO_HALVES: readonly WeightType[] = ['Q4_1', 'Q5_1', 'Q2_K', 'Q4_K', 'Q5_K'];

/** The same numbers everywhere, in [0, 1) (mulberry32). */
export const numbers = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** About as numbers in a model are: mean 0, variance 1. */
const normals = (next: () => number, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => (next() + next() + next() + next() - 2) * Math.sqrt(3));

/** A tensor of made-up numbers. */
export const madeUpTensor = (b: Memory, rows: number, cols: number, seed: number): Tensor => {
  const tensor = b.tensor('sample', rows, cols);
  b.upload(tensor, normals(numbers(seed), rows * cols));
  return tensor;
};

/** Bits of an f16 in [2^(exponent − 15), 2^(exponent − 14)). */
const half = (next: () => number, exponent: number): number => (exponent << 10) | Math.floor(1024 * next());

const rowOf = (type: WeightType, cols: number, next: () => number): Uint8Array => {
  const row = new Uint8Array(rowBytes(type, cols));
  const view = new DataView(row.buffer);
  if (isFloat(type)) {
    normals(next, cols).forEach((value, i) => {
      if (type === 'F32') view.setFloat32(4 * i, value, true);
      else
        view.setUint16(
          2 * i,
          type === 'F16' ? half(next, 13) | (value < 0 ? 0x8000 : 0) : f32(value) >>> 16,
          true,
        );
    });
    return row;
  }
  const { bytes } = ROW_FORMATS[type];
  for (let i = 0; i < row.length; i++) row[i] = Math.floor(next() * 256);
  for (let at = 0; at < row.length; at += bytes) {
    for (let n = TWO_HALVES.includes(type) ? 1 : 0; n >= 0; n--)
      view.setUint16(at + 2 * n, half(next, 8), true);
  }
  return row;
};

/** A matrix of made-up rows; `distinct` of them, one behind the other, again and again. */
export const madeUpWeight = (
  b: Memory,
  type: WeightType,
  rows: number,
  cols: number,
  distinct = rows,
): Weight => {
  const weight = b.weight('sample', type, rows, cols);
  const next = numbers(rows + cols);
  const known = Array.from({ length: Math.min(distinct, rows) }, () => rowOf(type, cols, next));
  const piece = new Uint8Array(known.length * rowBytes(type, cols));
  for (const [i, row] of known.entries()) piece.set(row, i * row.length);
  for (let row = 0; row < rows; row += known.length) {
    const some = Math.min(known.length, rows - row);
    b.fill(weight, row, piece.subarray(0, some * rowBytes(type, cols)));
  }
  return weight;
};
