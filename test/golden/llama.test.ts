import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { LIMITS } from './agreement.js';
import { readGolden } from './golden.js';
import { BUNDLED, GENERATED, type GoldenModel } from './models.js';
import { replay } from './replay.js';
import { verdict } from './verdict.js';

const { readings } = readGolden();
const readingsOf = ({ name }: GoldenModel) => readings.filter(({ model }) => model === name);

/** Attention over everything and nothing quantised but the weights: what is left is arithmetic. */
const options = {
  kernelsUrl,
  attention: { method: 'dense' },
  kv: { keys: 'f16', values: 'f16', store: 'memory' },
} as const;

/** Each reading by itself: a bundled model's prompts are long. */
const cases = [...GENERATED, ...BUNDLED].flatMap((golden) =>
  readingsOf(golden).map((reading) => ({
    golden,
    reading,
    title: [golden.name, reading.prompt].join(' ').trim(),
  })),
);

test('every model was read', () => {
  expect(new Set(cases.map(({ golden }) => golden)).size).toBe(GENERATED.length + BUNDLED.length);
  expect(cases.length).toBe(readings.length);
});

test.each(cases)('reads and goes on as llama.cpp does: $title', async ({ golden, reading }) => {
  const bytes = await golden.bytes();
  expect(createHash('sha256').update(bytes).digest('hex'), 'record again').toBe(reading.sha256);
  const model = await load(bytes, options);
  const { objections } = verdict(golden.type, reading, await replay(model, reading));
  await model.close();
  expect(objections).toEqual([]);
});

// Where llama.cpp itself is unsure the engine may differ. How much that leaves to compare must not shrink unseen.
test.each([
  { what: 'floats', least: 0.8, of: GENERATED.filter(({ type }) => LIMITS[type].margin < 0.5) },
  { what: 'quantised', least: 0.5, of: GENERATED.filter(({ type }) => LIMITS[type].margin >= 0.5) },
])('most of what was recorded is decided: $what', ({ least, of: models }) => {
  const shares = models.flatMap((model) =>
    readingsOf(model).map(({ top, greedy }) => ({
      read: top.filter((row) => row[1]! - row[3]! > LIMITS[model.type].margin).length / top.length,
      generated:
        greedy.margins.filter((lead) => lead >= LIMITS[model.type].margin).length / greedy.ids.length,
    })),
  );
  const mean = (of: 'read' | 'generated') =>
    shares.reduce((sum, share) => sum + share[of], 0) / shares.length;
  expect(mean('read')).toBeGreaterThan(least);
  expect(mean('generated')).toBeGreaterThan(least);
});
