import type { Backend, KvShape } from '../backends/backend.js';
import { productsOf, weightOf } from './products.js';
import { keysByHead } from './stored-keys.js';

/** Clusters of a run of keys of one KV head. */
export interface KeyClusters {
  /** The mean key of each, (clusters, keyDim). */
  readonly means: Float32Array;
  /** Tokens of each, ascending, from the start of the run. */
  readonly members: readonly (readonly number[])[];
}

/** Of the keys of one KV head, from where each token was placed; a mean is of the keys as they are stored. */
const clustersOf = (own: readonly Float32Array[], place: ArrayLike<number>, count: number): KeyClusters => {
  const keyDim = own[0]!.length;
  const members = Array.from({ length: count }, (): number[] => []);
  const means = new Float32Array(count * keyDim);
  for (let token = 0; token < own.length; token++) members[place[token]!]!.push(token);
  for (const [cluster, some] of members.entries()) {
    for (const token of some) {
      for (let c = 0; c < keyDim; c++)
        means[cluster * keyDim + c] = means[cluster * keyDim + c]! + own[token]![c]! / some.length;
    }
  }
  return { means, members };
};

/** Clusters by KV head as bytes: of each token the number of its cluster, u16. */
export const placesOf = (clusters: readonly KeyClusters[]): Uint8Array => {
  const tokens = clusters[0]!.members.reduce((sum, some) => sum + some.length, 0);
  const places = new Uint16Array(clusters.length * tokens);
  for (const [head, { members }] of clusters.entries())
    for (const [cluster, some] of members.entries())
      for (const token of some) places[head * tokens + token] = cluster;
  return new Uint8Array(places.buffer);
};

/** What `placesOf` gave, with the keys that it is of; `undefined` where they do not fit. */
export const clustersFrom = (
  bytes: Uint8Array,
  keys: Float32Array,
  shape: KvShape,
  size: number,
): KeyClusters[] | undefined => {
  const byHead = keysByHead(keys, shape);
  const tokens = byHead[0]!.length;
  const count = Math.ceil(tokens / size);
  if (bytes.length !== 2 * byHead.length * tokens) return undefined;
  const places = new Uint16Array(bytes.slice().buffer);
  if (places.some((cluster) => cluster >= count)) return undefined;
  return byHead.map((own, head) =>
    clustersOf(own, places.subarray(head * tokens, (head + 1) * tokens), count),
  );
};

const ROUNDS = 6;
/** Products of keys and directions that are in memory together: what they take does not grow with the run. */
const AT_ONCE = 2 ** 18;

/** A vector of length 1 in place of the `dim` numbers from `at` on, or of 0s. */
const normalise = (rows: Float32Array, at: number, dim: number): void => {
  const own = rows.subarray(at, at + dim);
  const length = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0)) || 1;
  for (let c = 0; c < dim; c++) own[c] = own[c]! / length;
};

/** Which of `count` directions each key points at most, of keys (tokens, dim) and directions (count, dim). The lower first among equals. */
const nearest = (backend: Backend, keys: Float32Array, directions: Float32Array, dim: number): Int32Array => {
  const weight = weightOf(backend, 'directions', directions, dim);
  const count = weight.rows;
  const place = new Int32Array(keys.length / dim);
  const step = Math.max(1, Math.floor(AT_ONCE / count));
  try {
    for (let first = 0; first < place.length; first += step) {
      const likeness = productsOf(backend, keys.subarray(first * dim, (first + step) * dim), weight);
      for (let from = 0, token = first; from < likeness.length; from += count, token++) {
        let best = from;
        for (let i = from + 1; i < from + count; i++) if (likeness[i]! > likeness[best]!) best = i;
        place[token] = best - from;
      }
    }
  } finally {
    backend.free(weight);
  }
  return place;
};

/**
 * Clusters of about `size` keys, by KV head: spherical k-means from every `size`-th key. What all keys have in common is taken off
 * first: it shifts every q·k alike, and queries lie elsewhere than keys mostly by it. The lower cluster first among equals.
 */
export const clusterKeys = (
  keys: Float32Array,
  shape: KvShape,
  size: number,
  backend: Backend,
): KeyClusters[] =>
  keysByHead(keys, shape).map((own) => {
    const dim = shape.keyDim;
    const count = Math.ceil(own.length / size);
    const common = new Float64Array(dim);
    for (const key of own) for (let c = 0; c < dim; c++) common[c] = common[c]! + key[c]! / own.length;
    const centred = Float32Array.from({ length: own.length * dim }, (_, i) => {
      return own[Math.floor(i / dim)]![i % dim]! - common[i % dim]!;
    });
    const directions = new Float32Array(count * dim);
    for (let cluster = 0; cluster < count; cluster++) {
      const at = cluster * size * dim;
      directions.set(centred.subarray(at, at + dim), cluster * dim);
      normalise(directions, cluster * dim, dim);
    }
    let place = nearest(backend, centred, directions, dim);
    for (let round = 1; round < ROUNDS; round++) {
      // A cluster that lost all its keys stays where it was.
      for (const cluster of new Set(place)) directions.fill(0, cluster * dim, (cluster + 1) * dim);
      for (const [token, cluster] of place.entries()) {
        const [from, to] = [token * dim, cluster * dim];
        for (let c = 0; c < dim; c++) directions[to + c] = directions[to + c]! + centred[from + c]!;
      }
      for (let cluster = 0; cluster < count; cluster++) normalise(directions, cluster * dim, dim);
      place = nearest(backend, centred, directions, dim);
    }
    return clustersOf(own, place, count);
  });
