import type { Backend, Weight } from '../backends/backend.js';
import { lot } from './lot.js';
import { productsOf, weightOf } from './products.js';

/** A number of a standard normal distribution, by its lot (Box and Muller). */
const normal = (seed: number, index: number, draw: number): number => {
  const [a, b] = [lot(seed, index, 2 * draw), lot(seed, index, 2 * draw + 1)];
  return Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32)) * Math.cos((2 * Math.PI * b) / 2 ** 32);
};

const dotOf = (a: Float32Array, from: number, b: Float32Array, start: number, dim: number): number => {
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

/** Of a vector so far out that an f32 could not hold the sum of a few of its features, they are e^80. */
const MOST = 80;

/** Directions as a weight, by what they were drawn for: as long as the backend lasts, since whoever draws the same has the same. */
const drawn = new WeakMap<Backend, Map<string, Weight>>();

const directionsOn = (backend: Backend, features: number, dim: number, seed: number): Weight => {
  const own = drawn.get(backend) ?? new Map<string, Weight>();
  drawn.set(backend, own);
  const name = `directions ${features}·${dim} ${seed}`;
  const known = own.get(name);
  if (known) return known;
  const weight = weightOf(backend, name, drawDirections(features, dim, seed), dim);
  own.set(name, weight);
  return weight;
};

/**
 * The positive random features (rows, features) of vectors `x`, (rows, dim), by direction w (FAVOR+: Performers, arXiv 2009.14794
 * §2.2): e^(w·x − |x|²/2), the factor of all features left out. Of two vectors the mean of the products of their features is, on
 * average over directions, e^(x·y). Needs a CPU (`Needs.host`).
 */
export const featuresOf = (
  backend: Backend,
  x: Float32Array,
  { features, dim, seed }: { readonly features: number; readonly dim: number; readonly seed: number },
): Float32Array<ArrayBuffer> => {
  const out = productsOf(backend, x, directionsOn(backend, features, dim, seed));
  for (let row = 0; row * dim < x.length; row++) {
    const half = dotOf(x, row * dim, x, row * dim, dim) / 2;
    const end = (row + 1) * features;
    for (let i = row * features; i < end; i++) out[i] = Math.exp(Math.min(MOST, out[i]! - half));
  }
  return out;
};
