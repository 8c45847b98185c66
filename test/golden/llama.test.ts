import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { LIMITS } from './agreement.js';
import { readGolden } from './golden.js';
import { BUNDLED, GENERATED, type GoldenModel } from './models.js';
import { replay } from './replay.js';
import { verdict } from './verdict.js';

const { readings } = readGolden();
const readingsOf = ({ name }: GoldenModel) => readings.filter(({ model }) => model === name);

/** Attention over everything and nothing quantised but the weights: what is left is arithmetic. */
const options = {
  attention: { method: 'dense' },
  kv: { keys: 'f16', values: 'f16', store: 'memory' },
} as const;

test.each([...GENERATED, ...BUNDLED])('reads and goes on as llama.cpp does: $name', async (golden) => {
  const bytes = await golden.bytes();
  const model = await load(bytes, options);
  const own = readingsOf(golden);
  expect(own).not.toEqual([]);
  for (const reading of own) {
    expect(createHash('sha256').update(bytes).digest('hex'), 'record again').toBe(reading.sha256);
    const { objections } = verdict(golden.type, reading, await replay(model, reading));
    expect(objections, reading.prompt).toEqual([]);
  }
  await model.close();
});

// Where llama.cpp itself is unsure the engine may differ. How much that leaves to compare must not shrink unseen.
test('most of what was recorded is decided', () => {
  const shares = GENERATED.flatMap((model) =>
    readingsOf(model).map(({ top, greedy }) => ({
      read: top.filter((row) => row[1]! - row[3]! > LIMITS[model.type].margin).length / top.length,
      generated:
        greedy.margins.filter((lead) => lead >= LIMITS[model.type].margin).length / greedy.ids.length,
    })),
  );
  const mean = (of: 'read' | 'generated') =>
    shares.reduce((sum, share) => sum + share[of], 0) / shares.length;
  expect(mean('read')).toBeGreaterThan(0.7);
  expect(mean('generated')).toBeGreaterThan(0.7);
});
