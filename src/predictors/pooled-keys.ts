import type { KvShape } from '../backends/backend.js';
import { keysByHead } from './stored-keys.js';

/** Directions in which a chunk's keys differ most, each of which makes one stand-in beside their mean. */
const RANK = 3;
const ROUNDS = 12;
/** Logits of pooling: a key so many standard deviations further out weighs e times as much. */
const SOFTNESS = 0.25;

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, c) => sum + x * b[c]!, 0);
const scaled = (a: Float32Array, by: number): Float32Array => a.map((x) => x * by);
/** a += by · b. */
const add = (a: Float32Array, b: Float32Array, by: number): void => {
  for (let c = 0; c < a.length; c++) a[c] = a[c]! + by * b[c]!;
};

/** The unit vector along which these vectors vary most, by powers of their covariance from the longest of them. */
const widest = (vectors: readonly Float32Array[]): Float32Array | undefined => {
  const norms = vectors.map((x) => dot(x, x));
  const most = Math.max(...norms);
  if (!(most > 0)) return undefined;
  let direction = scaled(vectors[norms.indexOf(most)]!, 1 / Math.sqrt(most));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float32Array(direction.length);
    for (const x of vectors) add(next, x, dot(x, direction));
    const norm = Math.sqrt(dot(next, next));
    if (!(norm > 0)) return undefined;
    direction = scaled(next, 1 / norm);
  }
  return direction;
};

/** Σ softmax(logits) · key. */
const pool = (keys: readonly Float32Array[], logits: readonly number[]): Float32Array => {
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  const out = new Float32Array(keys[0]!.length);
  for (const [t, key] of keys.entries()) add(out, key, weights[t]! / sum);
  return out;
};

/** Stand-ins of the keys of one head: their mean, then one for each direction. */
const standIns = (keys: readonly Float32Array[]): Float32Array[] => {
  const mean = pool(
    keys,
    keys.map(() => 0),
  );
  let rest = keys.map((key) => key.map((x, c) => x - mean[c]!));
  const out = [mean];
  for (let aspect = 0; aspect < RANK; aspect++) {
    const direction = widest(rest);
    if (!direction) break;
    const along = rest.map((x) => dot(x, direction));
    const spread = Math.sqrt(along.reduce((sum, x) => sum + x * x, 0) / along.length);
    // Towards the end that lies further out: what few keys say, a mean does not show.
    const sign = Math.max(...along) >= -Math.min(...along) ? 1 : -1;
    out.push(
      pool(
        keys,
        along.map((x) => (sign * x) / (spread * SOFTNESS)),
      ),
    );
    rest = rest.map((x, t) => x.map((value, c) => value - along[t]! * direction[c]!));
  }
  return out;
};

/**
 * What stands for a chunk by low-rank attentive pooling, by KV head: (stand-ins, keyDim) one behind the other. After LAMA (arXiv
 * 1912.00835): a few distributions over the tokens, by a bilinear form of low rank between each of them and one vector that asks
 * for all. Where we leave it, since nothing is trained here: the factors are the directions in which the chunk's own keys differ
 * most, and the mean key, which is what asks for all, has a distribution of its own, the even one.
 */
export const pooledKeys = (keys: Float32Array, shape: KvShape): Float32Array[] =>
  keysByHead(keys, shape).map((own) => {
    const found = standIns(own);
    const out = new Float32Array(found.length * shape.keyDim);
    for (const [i, one] of found.entries()) out.set(one, i * shape.keyDim);
    return out;
  });
