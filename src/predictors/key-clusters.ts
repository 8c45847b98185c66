import type { KvShape } from '../backends/backend.js';
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

/**
 * Clusters of about `size` keys, by KV head: spherical k-means from every `size`-th key. What all keys have in common is taken off
 * first: it shifts every q·k alike, and queries lie elsewhere than keys mostly by it. The lower cluster first among equals.
 */
export const clusterKeys = (keys: Float32Array, shape: KvShape, size: number): KeyClusters[] =>
  keysByHead(keys, shape).map((own) => {
    const { keyDim } = shape;
    const tokens = own.length;
    const count = Math.ceil(tokens / size);
    const common = new Float64Array(keyDim);
    for (const key of own) for (let c = 0; c < keyDim; c++) common[c] = common[c]! + key[c]! / tokens;
    const centred = own.map((key) => key.map((x, c) => x - common[c]!));
    let directions = Array.from({ length: count }, (_, cluster) => centred[cluster * size]!);
    const place = new Int32Array(tokens);
    for (let round = 0; round < ROUNDS; round++) {
      const norms = directions.map((d) => Math.sqrt(d.reduce((sum, x) => sum + x * x, 0)) || 1);
      const sums = directions.map(() => new Float32Array(keyDim));
      for (let token = 0; token < tokens; token++) {
        const key = centred[token]!;
        let [best, most] = [0, Number.NEGATIVE_INFINITY];
        for (let cluster = 0; cluster < count; cluster++) {
          const direction = directions[cluster]!;
          let dot = 0;
          for (let c = 0; c < keyDim; c++) dot += key[c]! * direction[c]!;
          const likeness = dot / norms[cluster]!;
          if (likeness > most) [best, most] = [cluster, likeness];
        }
        place[token] = best;
        const sum = sums[best]!;
        for (let c = 0; c < keyDim; c++) sum[c] = sum[c]! + key[c]!;
      }
      // A cluster that lost all its keys stays where it was.
      directions = sums.map((sum, cluster) => (place.includes(cluster) ? sum : directions[cluster]!));
    }
    return clustersOf(own, place, count);
  });
