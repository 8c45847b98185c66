/** SeerAttention's gates: they are PyTorch's, before and after rotation, and the blocks they ask for are read. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, Range } from '../../src/backends/backend.js';
import { ropeAngles } from '../../src/model/rope.js';
import { openPredictor } from '../../src/predictors/index.js';
import type { PredictInput, Turned } from '../../src/predictors/predictor.js';
import { gateKeys, gateQuery, readGates } from '../../src/predictors/seer-gates.js';
import { turnBack } from '../../src/predictors/turn-back.js';
import { parseSafetensors } from '../../src/weights/safetensors.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, tensorOf } from './reading.js';

const FILE = 'test/golden/seer-gates.safetensors';
const bytes = new Uint8Array(readFileSync(FILE));
const file = parseSafetensors(bytes, FILE);
const gates = readGates(file, FILE);
const turned: Turned = {
  ...{ dim: 16, pairing: 'half' },
  angles: (position, rows) => ropeAngles({ base: 10000 }, 16, position, rows),
};
const queries = file.read('golden.turnedQueries', [256, 64]);
const keys = file.read('golden.turnedKeys', [256, 32]);
const wanted = file.read('golden.logits', [4, 4, 4]);

let backend: Backend;
beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
});
afterAll(() => backend.close());

test('what was turned is turned back, wherever it stands', () => {
  for (const first of [0, 100]) {
    const q = queries.slice(first * 64);
    turnBack(q, 16, 4, first, turned);
    const before = file.read('golden.queries', [256, 64]);
    const apart = q.map((x, i) => Math.abs(x - before[first * 64 + i]!));
    expect(apart.reduce((a, b) => Math.max(a, b), 0)).toBeLessThan(1e-4);
  }
});

test('gates are those of PyTorch', () => {
  const [q, k] = [queries.slice(), keys.slice()];
  turnBack(q, 16, 4, 0, turned);
  turnBack(k, 16, 2, 0, turned);
  for (let head = 0; head < 4; head++) {
    for (let i = 0; i < 4; i++) {
      const mean = Float32Array.from({ length: 16 }, (_, c) => {
        let sum = 0;
        for (let row = i * 64; row < (i + 1) * 64; row++) sum += q[row * 64 + head * 16 + c]!;
        return sum / 64;
      });
      const query = gateQuery(gates, 0, head, mean, i);
      for (let j = 0; j < 4; j++) {
        const own = gateKeys(gates, 0, k.slice(j * 64 * 32, (j + 1) * 64 * 32), j)[head >> 1]!;
        const logit = own.reduce((sum, x, g) => sum + x * query[g]!, 0) / Math.sqrt(8);
        expect(Math.abs(logit - wanted[(head * 4 + i) * 4 + j]!)).toBeLessThan(1e-3);
      }
    }
  }
});

test('a tile reads the blocks that its gates ask for, in calls as at once; the last one always', async () => {
  const reading = await createReading({
    ...{ tokens: 256, kvHeads: 2, group: 2, dim: 16 },
    edit: (own) => own.set(keys),
  });
  const kv = putPages(backend, reading);
  const plansOf = async (
    position: number,
    rows: number,
    { budget = 192, fill }: { budget?: number; fill?: number } = {},
  ): Promise<Range[][]> => {
    const predictor = await openPredictor({ method: 'seer', gates: bytes, budget, sinks: 0, local: 0 });
    const plan = backend.plan('plan', 2);
    const asked = queries.slice(position * 64, (position + rows) * 64);
    const q = tensorOf(backend, rows, 64, fill === undefined ? asked : asked.fill(fill));
    const tiles = { position, rows, tileRows: 64 };
    const input: PredictInput = { layer: 0, tiles, q, kv, scale: 0.25, turned };
    predictor.plan(backend, input, plan);
    return (await backend.readPlan(plan)).map((row) => [...row]);
  };
  const whole = await plansOf(0, 256);
  expect(await plansOf(192, 64)).toEqual([whole[3], whole[7]]);
  for (const ranges of await plansOf(192, 64, { budget: 256 })) expect(ranges).toEqual([[0, 256]]);
  for (const fill of [Number.NaN, Number.POSITIVE_INFINITY, 0]) {
    for (const ranges of await plansOf(192, 64, { fill })) {
      expect(ranges.reduce((sum, [a, b]) => sum + b - a, 0)).toBe(192);
      expect(ranges.at(-1)![1]).toBe(256);
    }
  }
  for (let list = 0; list < 2; list++) {
    // The last tile of four has room for two blocks of three beside its own.
    const sums = [0, 1, 2].map((j) => {
      let sum = 0;
      for (const head of [2 * list, 2 * list + 1]) {
        const weights = [0, 1, 2].map((other) => Math.exp(wanted[(head * 4 + 3) * 4 + other]!));
        sum += weights[j]! / weights.reduce((a, b) => a + b, 0);
      }
      return sum;
    });
    const order = [0, 1, 2].sort((a, b) => sums[b]! - sums[a]!);
    const read = whole[list * 4 + 3]!;
    const holds = (token: number): boolean => read.some(([start, end]) => token >= start && token < end);
    expect(holds(255) && holds(192)).toBe(true);
    expect(order.map((block) => holds(block * 64 + 5))).toEqual([true, true, false]);
  }
});

test('a file for another model, and one that says nothing of its base, are refused', async () => {
  const other = await createReading({ tokens: 256, kvHeads: 2, group: 2, dim: 32 });
  const predictor = await openPredictor({ method: 'seer', gates: bytes, budget: 64 });
  const q = tensorOf(backend, 64, 128, new Float32Array(64 * 128));
  const tiles = { position: 192, rows: 64, tileRows: 64 };
  const input: PredictInput = { layer: 0, tiles, q, kv: putPages(backend, other), scale: 0.2, turned };
  expect(() => predictor.plan(backend, input, backend.plan('plan', 2))).toThrow(/made for this model/);
  const headless = new TextDecoder('latin1').decode(bytes).replace('"base"', '"bass"');
  expect(() =>
    readGates(
      parseSafetensors(
        Uint8Array.from(headless, (c) => c.charCodeAt(0)),
        'it',
      ),
      'it',
    ),
  ).toThrow(/base/);
  await expect(openPredictor({ method: 'seer' } as never)).rejects.toMatchObject({ code: 'input/option' });
});

test('a file without gates for rows answers from everything, and says so where it is asked for them', async () => {
  const reading = await createReading({ tokens: 256, kvHeads: 2, group: 2, dim: 16 });
  const predictor = await openPredictor({ method: 'seer', gates: bytes, budget: 64 });
  const plan = backend.plan('plan', 2);
  const q = tensorOf(backend, 1, 64, queries.slice(0, 64));
  const tiles = { position: 250, rows: 1, tileRows: 1 };
  predictor.plan(backend, { layer: 0, tiles, q, kv: putPages(backend, reading), scale: 0.25, turned }, plan);
  expect((await backend.readPlan(plan)).map((row) => [...row])).toEqual([[[0, 251]], [[0, 251]]]);
  await expect(openPredictor({ method: 'seer', gates: bytes, answers: 'gates' })).rejects.toMatchObject({
    code: 'input/option',
    message: expect.stringContaining('for tiles only'),
  });
});
