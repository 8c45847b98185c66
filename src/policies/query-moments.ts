import type { Moments, Pairing } from './policy.js';

/**
 * Every pair of channels (a, b) of a vector becomes (c·a − s·b, s·a + c·b), in place. `angles`: the cosines of all pairs,
 * then their sines; channels beyond stay.
 */
export const turn = (vector: Float32Array, angles: Float32Array, pairing: Pairing): void => {
  const pairs = angles.length / 2;
  for (let pair = 0; pair < pairs; pair++) {
    const [i, j] = pairing === 'half' ? [pair, pair + pairs] : [2 * pair, 2 * pair + 1];
    const [a, b, c, s] = [vector[i]!, vector[j]!, angles[pair]!, angles[pairs + pair]!];
    vector[i] = c * a - s * b;
    vector[j] = s * a + c * b;
  }
};

/** Angles that undo what `angles` do, the magnitude too. */
export const turnedBack = (angles: Float32Array): Float32Array => {
  const pairs = angles.length / 2;
  return angles.map((x, i) => {
    const [c, s] = [angles[i % pairs]!, angles[pairs + (i % pairs)]!];
    return (i < pairs ? x : -x) / (c * c + s * s);
  });
};

/** The mean of the rows of `angles`, each of `dim` numbers: how far a pair of channels is turned at all these positions together. */
export const meanAngles = (angles: Float32Array, dim: number): Float32Array => {
  const rows = angles.length / dim;
  return Float32Array.from({ length: dim }, (_, i) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += angles[row * dim + i]!;
    return sum / rows;
  });
};

/** Moments of the same queries, turned. */
export const turnedMoments = (of: Moments, angles: Float32Array, pairing: Pairing): Moments => {
  const dim = of.mean.length;
  const mean = of.mean.slice();
  turn(mean, angles, pairing);
  // R · Σ · Rᵀ: Σ is its own transpose, and so is what comes of turning its rows, then its columns.
  let covariance = of.covariance.slice();
  for (const _side of [0, 1]) {
    for (let row = 0; row < dim; row++)
      turn(covariance.subarray(row * dim, (row + 1) * dim), angles, pairing);
    covariance = covariance.map((_, at) => covariance[(at % dim) * dim + Math.floor(at / dim)]!);
  }
  return { mean, covariance };
};

/** Adds up queries. */
export const createMoments = (dim: number) => {
  const sum = new Float64Array(dim);
  const products = new Float64Array(dim * dim);
  let count = 0;
  return {
    add(query: Float32Array): void {
      count++;
      for (let i = 0; i < dim; i++) {
        sum[i]! += query[i]!;
        for (let j = 0; j < dim; j++) products[i * dim + j]! += query[i]! * query[j]!;
      }
    },
    get moments(): Moments {
      const mean = Float32Array.from(sum, (x) => x / Math.max(1, count));
      return {
        mean,
        covariance: Float32Array.from(
          products,
          (x, at) => x / Math.max(1, count) - mean[Math.floor(at / dim)]! * mean[at % dim]!,
        ),
      };
    },
  };
};

/** ln E[exp(scale · q·k)] of a key, where queries are spread as a Gaussian with these moments: scale · k·μ + scale² · kᵀΣk / 2. */
export const expectedLogit = ({ mean, covariance }: Moments, key: Float32Array, scale: number): number => {
  const dim = key.length;
  let dot = 0;
  let square = 0;
  for (let i = 0; i < dim; i++) {
    const [own, row] = [key[i]!, i * dim];
    dot += own * mean[i]!;
    let sum = 0;
    for (let j = 0; j < i; j++) sum += covariance[row + j]! * key[j]!;
    square += own * (2 * sum + covariance[row + i]! * own);
  }
  return scale * dot + (scale * scale * square) / 2;
};
