import type { Range } from '../backends/backend.js';
import type { KeyClusters } from './key-clusters.js';

/** More clusters than a text has. */
const MOST = 2 ** 21;

/** Shares of a few heads' attention in order, in whole steps of 2⁻²⁸, the later one behind its equal; each times MOST, plus its place. */
const ascending = (shares: Float64Array): Float64Array =>
  shares.map((share, place) => Math.floor(share * 2 ** 28) * MOST + place).sort();

/** Ranges of the tokens that are marked. */
const rangesOf = (marks: Uint8Array): Range[] => {
  const ranges: Range[] = [];
  for (let token = marks.indexOf(1); token >= 0; ) {
    const end = marks.indexOf(0, token);
    ranges.push([token, end < 0 ? marks.length : end]);
    token = end < 0 ? -1 : marks.indexOf(1, end);
  }
  return ranges;
};

/** By how much of a group's attention a mean would draw, cluster by cluster of one list. */
const wanted = (all: readonly KeyClusters[], queries: Float32Array, scale: number): Float64Array => {
  const count = all.reduce((sum, { members }) => sum + members.length, 0);
  const dim = all[0]!.means.length / all[0]!.members.length;
  const [sums, weights] = [new Float64Array(count), new Float64Array(count)];
  for (let at = 0; at < queries.length; at += dim) {
    let [i, most] = [0, Number.NEGATIVE_INFINITY];
    for (const { means, members } of all) {
      for (let from = 0; from < means.length; from += dim, i++) {
        // Four sums, none of which waits for the others; channels are a multiple of 16.
        let [a, b, c, d] = [0, 0, 0, 0];
        for (let x = at, y = from; y < from + dim; x += 4, y += 4) {
          a += queries[x]! * means[y]!;
          b += queries[x + 1]! * means[y + 1]!;
          c += queries[x + 2]! * means[y + 2]!;
          d += queries[x + 3]! * means[y + 3]!;
        }
        weights[i] = members[from / dim]!.length > 0 ? scale * (a + b + c + d) : Number.NEGATIVE_INFINITY;
        most = Math.max(most, weights[i]!);
      }
    }
    let sum = 0;
    for (i = 0; i < count; i++) {
      weights[i] = Math.exp(weights[i]! - most) || 0;
      sum += weights[i]!;
    }
    for (i = 0; i < count; i++) sums[i] = sums[i]! + weights[i]! / (sum || 1);
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
  const order = ascending(wanted(all, queries, scale));
  const members = all.flatMap((some, i) => some.members.map((tokens) => ({ tokens, from: i * run })));
  const marks = new Uint8Array(all.length * run);
  let named = 0;
  for (let i = order.length - 1; i >= 0 && named < count; i--) {
    const { tokens, from } = members[order[i]! % MOST]!;
    for (const token of tokens) marks[from + token] = 1;
    named += tokens.length;
  }
  return rangesOf(marks);
};
