/** Dropped tokens that go on weighing in attention, as means. */
import { expect, test } from 'vitest';
import { PAGE, type Range } from '../../src/backends/backend.js';
import { createAmendsRows } from '../../src/policies/amend-rows.js';
import { evictedMass } from '../../src/policies/evicted-mass.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';

const TOKENS = 230;
const RUN = 16;
const backend = createRefBackend();
const shape = { kvHeads: 2, keyDim: 16, valueDim: 12, keys: 'f16', values: 'f16' } as const;
const HEADS = 4;
const KEPT: Range[][] = [
  [
    [0, 4],
    [40, 64],
    [200, TOKENS],
  ],
  [
    [0, 4],
    [100, 101],
    [215, TOKENS],
  ],
];

/** Attention of a row behind the text: over everything, over what is kept, and over that with the means of the rest. */
const attention = async (spread: number, codec: 'f16' | 'q8', softcap?: number) => {
  const { normals } = random(4);
  const own = { ...shape, keys: codec, values: codec } as const;
  const kv = backend.kvLayer('kv', own);
  backend.mapPages(kv, Math.ceil(TOKENS / PAGE));
  /** Tokens of a run differ by so much from its first one. */
  const filled = (rows: number, cols: number) => {
    const tensor = backend.tensor('test', rows, cols);
    const values = normals(rows * cols);
    const firstAt = (at: number): number => Math.floor(at / cols / RUN) * RUN * cols + (at % cols);
    backend.upload(
      tensor,
      values.map((x, at) => values[firstAt(at)]! + spread * (x - values[firstAt(at)]!)),
    );
    return tensor;
  };
  backend.appendKv(kv, filled(TOKENS, 2 * own.keyDim), filled(TOKENS, 2 * own.valueDim), 0);
  const q = filled(1, HEADS * own.keyDim);
  const [scale, tiles] = [0.5, { position: TOKENS - 1, rows: 1, tileRows: 1 }];
  const capped = softcap === undefined ? {} : { softcap };
  const parts = { backend, layers: [kv], heads: HEADS, scale, keepPages: () => undefined, ...capped };
  const evicted = createAmendsRows(parts, evictedMass(parts));
  const attend = async (ranges: Range[][], adds: boolean): Promise<Float32Array> => {
    const plan = backend.plan('plan', 2);
    backend.writePlan(plan, tiles, ranges);
    const out = backend.tensor('out', 1, HEADS * own.valueDim);
    const amendment = evicted.amendment(0, 1);
    const logSumExp = amendment && { logSumExp: amendment.logSumExp };
    backend.attend(out, q, kv, plan, { scale, ...capped, ...logSumExp });
    if (adds) await amendment?.amend(q, out, plan);
    return (await backend.read(out)).slice();
  };
  const all: Range[][] = [[[0, TOKENS]], [[0, TOKENS]]];
  const whole = await attend(all, true);
  const kept = await attend(KEPT, false);
  await evicted.chosen([KEPT], { tokens: TOKENS, scores: [] });
  const added = await attend(KEPT, true);
  evicted.clear();
  expect(evicted.amendment(0, 1)).toBeUndefined();
  expect(await attend(KEPT, true)).toEqual(kept);
  evicted.release();
  const far = (found: Float32Array): number =>
    found.reduce((most, x, i) => Math.max(most, Math.abs(x - whole[i]!)), 0);
  return { added: far(added), kept: far(kept) };
};

test.each([
  ['f16', undefined],
  ['q8', undefined],
  ['f16', 3],
] as const)('whose runs are all the same weigh as if they were there: %s, capped at %s', async (codec, softcap) => {
  const { added, kept } = await attention(0, codec, softcap);
  // q8 rounds a query that meets its keys; here it is exact.
  expect(added).toBeLessThan(codec === 'q8' ? 2e-3 : 1e-5);
  expect(kept).toBeGreaterThan(0.05);
});

test('bring attention nearer to all of it where they are alike', async () => {
  const { added, kept } = await attention(0.3, 'f16');
  expect(added).toBeLessThan(0.5 * kept);
  expect(added).toBeGreaterThan(1e-3);
});
