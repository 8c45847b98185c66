/** What a model says where a part of the text was dropped, and where means stand for it. */
import { beforeAll, expect, test } from 'vitest';
import { Context } from '../../src/generate/context.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import { logProbabilities } from '../support/plain-model.js';
import { book, openBundled } from './bundled.js';

const TOKENS = 1200;
const ROWS = 32;
let ids: number[];
let wanted: Float64Array[];

/** Log-probabilities after each of the rows that follow the text. */
const rowsOf = async (retention: RetentionOptions): Promise<Float64Array[]> => {
  const model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'none' }, retention });
  ids ??= (await model.tokenizer.encode(book().slice(30_000, 40_000))).slice(0, TOKENS + ROWS);
  const context = new Context(model.reader);
  await context.append(ids.slice(0, TOKENS - 64), false);
  await context.append(ids.slice(TOKENS - 64, TOKENS), true);
  const rows: Float64Array[] = [];
  for (let row = 0; row < ROWS; row++) {
    context.push(ids[TOKENS + row]!);
    rows.push(Float64Array.from(logProbabilities(await context.logits())));
  }
  await model.close();
  return rows;
};
const divergence = async (retention: RetentionOptions): Promise<number> => {
  const found = await rowsOf(retention);
  let sum = 0;
  for (const [row, own] of wanted.entries())
    for (const [token, log] of own.entries()) sum += Math.exp(log) * (log - found[row]![token]!);
  return sum / ROWS;
};

beforeAll(async () => {
  wanted = await rowsOf({ policy: 'keep-all' });
}, 60_000);

test.each([
  { policy: 'snap-kv', density: 0.25 },
  { policy: 'h2o', density: 0.25, every: 8 },
] as const)('is nearer to the whole with means: %j', async (retention) => {
  const [dropped, means] = [await divergence(retention), await divergence({ ...retention, evicted: 'mean' })];
  expect(means).toBeLessThan(dropped);
});
