import { HALF_MAX, tame } from './half.js';

const { fround } = Math;

/** Largest power of two that divides `dim`: the width of one rotated block. */
export const hadamardWidth = (dim: number): number => dim & -dim;

/**
 * Orthonormal Walsh–Hadamard transform of f32, in place, of every block of `hadamardWidth(dim)` channels by itself
 * (QuaRot, arXiv 2404.00456). Its own inverse. Order: strides upwards, the factor 1/√width last, all in f32.
 */
export const hadamard = (vector: Float32Array): void => {
  const width = hadamardWidth(vector.length);
  for (let stride = 1; stride < width; stride *= 2) {
    for (let at = 0; at < vector.length; at++) {
      if (at & stride) continue;
      const a = vector[at]!;
      const b = vector[at + stride]!;
      vector[at] = a + b;
      vector[at + stride] = a - b;
    }
  }
  const norm = fround(1 / Math.sqrt(width));
  for (let at = 0; at < vector.length; at++) vector[at] = vector[at]! * norm;
};

/** A key as q8 and q4 store it: made finite, then rotated, so that outlier channels do not set the scale. */
export const rotatedKey = (key: Float32Array): Float32Array => {
  const rotated = key.map((x) => tame(x, HALF_MAX));
  hadamard(rotated);
  return rotated;
};
