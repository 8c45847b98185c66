import { expect, test } from 'vitest';
import type { KeyClusters } from '../../src/predictors/key-clusters.js';
import { tokensFor } from '../../src/predictors/named-clusters.js';

const [DIM, EACH, SIZE] = [16, 8, 16];
const RUN = EACH * SIZE;

/** Runs of clusters of 16 tokens in a row, whose means are these multiples of a direction. */
const runsOf = (likenesses: readonly number[]): KeyClusters[] =>
  Array.from({ length: likenesses.length / EACH }, (_, run) => ({
    means: Float32Array.from({ length: EACH * DIM }, (_, i) =>
      i % DIM === 0 ? likenesses[run * EACH + Math.floor(i / DIM)]! : 0,
    ),
    members: Array.from({ length: EACH }, (_, cluster) =>
      Array.from({ length: SIZE }, (_, i) => cluster * SIZE + i),
    ),
  }));

const asking = (heads: number): Float32Array =>
  Float32Array.from({ length: heads * DIM }, (_, i) => (i % DIM === 0 ? 1 : 0));

test.each([
  1, 8, 16, 17, 32, 128,
])('the cluster that all of %i heads look at, wherever it is, then the next', (heads) => {
  for (let hot = 0; hot < 2 * EACH; hot++) {
    const likenesses = Array.from({ length: 2 * EACH }, (_, cluster) =>
      cluster === hot ? 20 : cluster === (hot + 3) % (2 * EACH) ? 5 : 0,
    );
    const best = tokensFor(runsOf(likenesses), RUN, asking(heads), 1, 1);
    expect(best).toEqual([[hot * SIZE, (hot + 1) * SIZE]]);
    const next = (hot + 3) % (2 * EACH);
    const two = tokensFor(runsOf(likenesses), RUN, asking(heads), 1, SIZE + 1);
    expect(two).toEqual(
      [hot, next].sort((a, b) => a - b).map((cluster) => [cluster * SIZE, (cluster + 1) * SIZE]),
    );
  }
});

test.each([10, 19, 21, 40, 200])('far below what is looked at most, order still counts: %i nats', (gap) => {
  const likenesses = Array.from({ length: 4 * EACH }, () => -8);
  likenesses[0] = gap;
  likenesses[20] = 0;
  const found = tokensFor(runsOf(likenesses), RUN, asking(1), 1, 2 * SIZE);
  expect(found).toEqual([
    [0, SIZE],
    [20 * SIZE, 21 * SIZE],
  ]);
});

test('of equals the later one, and clusters without keys never', () => {
  const [first, second] = runsOf(Array(2 * EACH).fill(1));
  const without = {
    ...second!,
    members: second!.members.map((tokens, cluster) => (cluster === 7 ? [] : tokens)),
  };
  expect(tokensFor([first!, without], RUN, asking(2), 1, 1)).toEqual([[RUN + 6 * SIZE, RUN + 7 * SIZE]]);
});
