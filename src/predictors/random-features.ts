import { lot } from './lot.js';

/** A number of a standard normal distribution, by its lot (Box and Muller). */
const normal = (seed: number, index: number, draw: number): number => {
  const [a, b] = [lot(seed, index, 2 * draw), lot(seed, index, 2 * draw + 1)];
  return Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32)) * Math.cos((2 * Math.PI * b) / 2 ** 32);
};

const dotOf = (
  a: ArrayLike<number>,
  from: number,
  b: ArrayLike<number>,
  start: number,
  dim: number,
): number => {
  let sum = 0;
  for (let c = 0; c < dim; c++) sum += a[from + c]! * b[start + c]!;
  return sum;
};

/**
 * Directions of positive random features, (features, dim): `dim` by `dim` of them are orthogonal, and each is as long as a vector of
 * standard normal numbers, so that each by itself is one. The same for the same seed.
 */
export const drawDirections = (features: number, dim: number, seed: number): Float32Array => {
  const out = Float32Array.from({ length: features * dim }, (_, i) => normal(seed, i, 0));
  for (let row = 0; row < features; row++) {
    const at = row * dim;
    for (let other = row - (row % dim); other < row; other++) {
      // Rows before it in its square are of unit length until the square is whole.
      const along = dotOf(out, at, out, other * dim, dim);
      for (let c = 0; c < dim; c++) out[at + c] = out[at + c]! - along * out[other * dim + c]!;
    }
    const length = Math.sqrt(dotOf(out, at, out, at, dim));
    for (let c = 0; c < dim; c++) out[at + c] = out[at + c]! / length;
  }
  for (let row = 0; row < features; row++) {
    let square = 0;
    for (let c = 0; c < dim; c++) square += normal(seed, row * dim + c, 1) ** 2;
    for (let c = 0; c < dim; c++) out[row * dim + c] = out[row * dim + c]! * Math.sqrt(square);
  }
  return out;
};

/**
 * Logarithms of the positive random features of a vector, the `dim` numbers of `x` from `at` on (FAVOR+: Performers, arXiv 2009.14794
 * §2.2): w·x − |x|²/2 by direction w, the factor of all features left out. Of two vectors the mean of the products of their
 * features is, on average over directions, e^(x·y).
 */
export const logFeatures = (
  x: ArrayLike<number>,
  at: number,
  directions: Float32Array,
  dim: number,
): Float64Array => {
  const half = dotOf(x, at, x, at, dim) / 2;
  return Float64Array.from(
    { length: directions.length / dim },
    (_, feature) => dotOf(x, at, directions, feature * dim, dim) - half,
  );
};
