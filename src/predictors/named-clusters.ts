import type { Range } from '../backends/backend.js';
import type { KeyClusters } from './key-clusters.js';

/** More clusters than a text has tokens. */
const MOST = 2 ** 24;

/**
 * Which share comes after which, the least first and of equals the earlier: places in the low 24 bits of the words 0, 2, 4 …. They
 * take the lowest bits of shares in f64, none of which is below 0, so that what is left of these, 28 bits and the exponent, is
 * sorted without a comparison in script. (All that WebAssembly runs on has the low word first.)
 */
const ascending = (shares: Float64Array): Uint32Array => {
  const sorted = shares.slice();
  const words = new Uint32Array(sorted.buffer);
  for (let place = 0; place < shares.length; place++) {
    words[2 * place] = Math.floor(words[2 * place]! / MOST) * MOST + place;
  }
  sorted.sort();
  return words;
};

/** Ranges of the tokens that are marked. */
const rangesOf = (marks: Uint8Array): Range[] => {
  const ranges: Range[] = [];
  for (let token = 0; token < marks.length; token++) {
    if (marks[token] === 0) continue;
    const start = token;
    while (marks[token] === 1) token++;
    ranges.push([start, token]);
  }
  return ranges;
};

/** Logits of a query, the channels from `at` on, with the means of a run, to `out` from `first` on; −∞ where a cluster has no keys. */
const meet = (
  out: Float64Array,
  first: number,
  { means, members }: KeyClusters,
  queries: Float32Array,
  at: number,
  scale: number,
): void => {
  const dim = means.length / members.length;
  for (let cluster = 0; cluster < members.length; cluster++) {
    const from = cluster * dim;
    // Two sums, neither of which waits for the other.
    let even = 0;
    let odd = 0;
    for (let c = 0; c < dim; c += 2) {
      even += queries[at + c]! * means[from + c]!;
      odd += queries[at + c + 1]! * means[from + c + 1]!;
    }
    out[first + cluster] = members[cluster]!.length > 0 ? scale * (even + odd) : Number.NEGATIVE_INFINITY;
  }
};

/** By how much of a group's attention a mean would draw, cluster by cluster of one list, `each` of a run. */
const wanted = (
  all: readonly KeyClusters[],
  each: number,
  queries: Float32Array,
  scale: number,
): Float64Array => {
  const dim = all[0]!.means.length / each;
  const [sums, weights] = [new Float64Array(all.length * each), new Float64Array(all.length * each)];
  for (let at = 0; at < queries.length; at += dim) {
    for (let run = 0; run < all.length; run++) meet(weights, run * each, all[run]!, queries, at, scale);
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < weights.length; i++) most = Math.max(most, weights[i]!);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) {
      weights[i] = Math.exp(weights[i]! - most) || 0;
      sum += weights[i]!;
    }
    for (let i = 0; i < weights.length; i++) sums[i] = sums[i]! + weights[i]! / (sum || 1);
  }
  return sums;
};

/**
 * Ranges of the tokens of clusters that rows of one list want most, (heads of its group · keyDim), as many as it takes to name
 * `count` tokens. `all`: of runs of `run` tokens, one after the other.
 */
export const tokensFor = (
  all: readonly KeyClusters[],
  run: number,
  queries: Float32Array,
  scale: number,
  count: number,
): Range[] => {
  const each = all[0]!.members.length;
  const order = ascending(wanted(all, each, queries, scale));
  const marks = new Uint8Array(all.length * run);
  let named = 0;
  for (let i = order.length - 2; i >= 0 && named < count; i -= 2) {
    const cluster = order[i]! % MOST;
    const of = Math.floor(cluster / each);
    const tokens = all[of]!.members[cluster % each]!;
    for (const token of tokens) marks[of * run + token] = 1;
    named += tokens.length;
  }
  return rangesOf(marks);
};
