import { expect, test } from 'vitest';
import { readGolden } from './golden.js';
import type { Replay } from './replay.js';
import { verdict } from './verdict.js';

const reading = readGolden().readings.find(({ model }) => model === 'llama F32 llama-bpe')!;
const VOCAB = 447;

/** Logits that give the recorded distributions, the rest shared by the tokens that were not recorded. */
const recorded = (): Float32Array[] =>
  reading.top.map((top) => {
    const rest = 1 - top.reduce((sum, value, at) => (at % 2 ? sum + Math.exp(value) : sum), 0);
    const row = new Float32Array(VOCAB).fill(Math.log(rest / (VOCAB - top.length / 2)));
    for (let at = 0; at < top.length; at += 2) row[top[at]!] = top[at + 1]!;
    return row;
  });

const replayed = (change: Partial<Replay> = {}): Replay => ({
  pieces: recorded(),
  whole: recorded().at(-1)!,
  guided: [...reading.greedy.ids],
  free: [...reading.greedy.ids],
  ...change,
});

const objections = (change: Partial<Replay>) => verdict('F32', reading, replayed(change)).objections;
const replaced = (at: number) =>
  reading.greedy.ids.map((id, place) => (place === at ? (id + 1) % VOCAB : id));
const decidedAt = reading.greedy.margins.findIndex((lead) => lead > 1);

test('what was recorded is not objected to', () => {
  const found = verdict('F32', reading, replayed());
  expect(found.objections).toEqual([]);
  expect(found.difference).toBeLessThan(1e-5);
  expect(found.divergence).toBeLessThan(1e-7);
  expect(found.sure).toBeGreaterThan(10);
});

test.each([
  [
    'flatter by 2 %',
    { pieces: recorded().map((row) => row.map((logit) => 0.98 * logit)) },
    'log-probability',
  ],
  ['not numbers', { pieces: recorded().map((row) => row.fill(Number.NaN)) }, 'log-probability'],
  ['one row late', { pieces: [recorded()[0]!, ...recorded().slice(0, -1)] }, 'another token'],
  ['wrong when read at once', { whole: recorded()[0]! }, 'at once'],
  ['another decided token', { guided: replaced(decidedAt) }, `token ${decidedAt} of`],
  ['another text', { free: replaced(0) }, 'parts'],
  ['no text', { free: [] }, 'parts'],
])('logits %s are objected to', (_, change, words) => {
  expect(objections(change).join('\n')).toContain(words);
});
