import { expect, test } from 'vitest';
import { blockAtOnce, type HeadRows, type HeadState, rowByRow } from '../reference/states.js';
import { random } from '../support/random.js';

const [HEAD_DIM, STATE] = [5, 7];
const next = random(2);

const rowsOf = (seed: number, rows: number, decay: () => number): HeadRows => {
  const { normals } = random(seed);
  const some = (width: number): number[][] => Array.from({ length: rows }, () => [...normals(width)]);
  return {
    ...{ values: some(HEAD_DIM), keys: some(STATE), queries: some(STATE) },
    ...{ steps: some(1).map(([x]) => Math.abs(x!)), decays: Array.from({ length: rows }, decay) },
  };
};

const cut = (head: HeadRows, from: number, to: number): HeadRows => ({
  values: head.values.slice(from, to),
  keys: head.keys.slice(from, to),
  queries: head.queries.slice(from, to),
  steps: head.steps.slice(from, to),
  decays: head.decays.slice(from, to),
});

const stateOf = (seed: number): HeadState => {
  const { normals } = random(seed);
  return Array.from({ length: HEAD_DIM }, () => [...normals(STATE)]);
};

const difference = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  Math.max(...a.flatMap((row, i) => row.map((x, j) => Math.abs(x - b[i]![j]!))));

test.each([
  { what: 'a decay of each row', decay: () => next.below(1000) / 1000, blocks: [1, 2, 29] },
  { what: 'no decay', decay: () => 1, blocks: [32] },
  { what: 'nothing kept', decay: () => 0, blocks: [7, 25] },
])('a block at once is row by row: $what', ({ decay, blocks }) => {
  const rows = rowsOf(3, 32, decay);
  const [one, other] = [stateOf(4), stateOf(4)];
  const wanted = rowByRow(one, rows);
  let at = 0;
  const found = blocks.flatMap((count) => blockAtOnce(other, cut(rows, at, (at += count))));
  expect(at).toBe(32);
  expect(difference(found, wanted)).toBeLessThan(1e-10);
  expect(difference(other, one)).toBeLessThan(1e-10);
  expect(difference(one, stateOf(4))).toBeGreaterThan(0.1);
});

test('a fixed decay fades what lies back by its power (TransNormerLLM, arXiv 2307.14995)', () => {
  const rows = rowsOf(5, 20, () => 0.9);
  const empty: HeadState = Array.from({ length: HEAD_DIM }, () => new Array(STATE).fill(0));
  const out = rowByRow(empty, rows);
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const wanted = rows.values.map((_, t) =>
    Array.from({ length: HEAD_DIM }, (_, channel) =>
      rows.values
        .slice(0, t + 1)
        .reduce(
          (sum, value, s) =>
            sum + 0.9 ** (t - s) * dot(rows.queries[t]!, rows.keys[s]!) * rows.steps[s]! * value[channel]!,
          0,
        ),
    ),
  );
  expect(difference(out, wanted)).toBeLessThan(1e-10);
});

test('a hundred thousand rows leave a state that is bounded', () => {
  const rows = rowsOf(6, 1000, () => 0.99);
  const state = stateOf(7);
  for (let n = 0; n < 100; n++) rowByRow(state, rows);
  const after = state.map((own) => [...own]);
  rowByRow(state, rows);
  // What the same rows leave each time, but for 0.99¹⁰⁰⁰ of what was there before.
  expect(difference(state, after)).toBeLessThan(1e-3);
  expect(Math.max(...state.flat().map(Math.abs))).toBeGreaterThan(0.1);
});
