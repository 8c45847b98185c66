/** Attention whose hidden sinks keep a part of their weights only. */
import { describe, expect, test } from 'vitest';
import { PAGE, type Range } from '../../src/backends/backend.js';
import { inOwnChannels, storedHead } from '../../src/kv/stored-head.js';
import { createAmendsRows } from '../../src/policies/amend-rows.js';
import { calibrated, sinksOf } from '../../src/policies/calibrated.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';

const TOKENS = 150;
const [HEADS, KV_HEADS] = [6, 2];
const SINKS = [[3, 70, 71], [140]] as const;
const backend = createRefBackend();
const ALL: Range[][] = [[[0, TOKENS]], [[0, TOKENS]]];
/** Reads no more than some of the sinks of the first head. */
const SOME: Range[][] = [
  [
    [0, 4],
    [60, 71],
    [100, TOKENS],
  ],
  [[120, TOKENS]],
];

interface Case {
  readonly codec?: 'f16' | 'q8';
  readonly beta?: number;
  readonly softcap?: number;
  readonly ranges?: Range[][];
  /** Every value is 1: what attention makes of them is the sum of its weights. */
  readonly ones?: boolean;
}

/** The paper's formula, row by row of the map of all weights. */
const plainly = (weights: number[], sinks: readonly number[], beta: number): number[] => {
  const sunk = sinks.reduce((sum, t) => sum + weights[t]!, 0);
  const others = weights.reduce((sum, w, t) => sum + (sinks.includes(t) ? 0 : w), 0);
  return weights.map((w, t) => (sinks.includes(t) ? beta * w : w + ((1 - beta) * sunk * w) / others));
};

const attend = async ({ codec = 'f16', beta = 0.4, softcap, ranges = ALL, ones = false }: Case) => {
  const { normals } = random(12);
  const shape = { kvHeads: KV_HEADS, keyDim: 16, valueDim: 12, keys: codec, values: codec } as const;
  const kv = backend.kvLayer('kv', shape);
  backend.mapPages(kv, Math.ceil(TOKENS / PAGE));
  const filled = (rows: number, cols: number, value?: number) => {
    const tensor = backend.tensor('test', rows, cols);
    const values = normals(rows * cols);
    backend.upload(tensor, value === undefined ? values : values.fill(value));
    return tensor;
  };
  const width = KV_HEADS * shape.valueDim;
  backend.appendKv(kv, filled(TOKENS, KV_HEADS * 16), filled(TOKENS, width, ones ? 1 : undefined), 0);
  const q = filled(1, HEADS * 16);
  const [scale, tiles] = [0.3, { position: TOKENS - 1, rows: 1, tileRows: 1 }];
  const capped = softcap === undefined ? {} : { softcap };
  const parts = { backend, layers: [kv], heads: HEADS, scale, keepPages: () => undefined, ...capped };
  const rows = createAmendsRows(parts, calibrated(parts, { beta, threshold: 0.1, isCalibrated: () => true }));
  const scores = SINKS.map((own) =>
    Float32Array.from({ length: TOKENS }, (_, t) => (t === 0 || own.includes(t as never) ? 0.2 : 0.001)),
  );
  const plan = backend.plan('plan', KV_HEADS);
  backend.writePlan(plan, tiles, ranges);
  const out = backend.tensor('out', 1, HEADS * shape.valueDim);
  await rows.chosen([ALL], { tokens: TOKENS, scores: [scores] });
  const amendment = rows.amendment(0, 1);
  backend.attend(out, q, kv, plan, {
    scale,
    ...capped,
    ...(amendment && { logSumExp: amendment.logSumExp }),
  });
  const dense = (await backend.read(out)).slice();
  await amendment?.amend(q, out, plan);
  const found = (await backend.read(out)).slice();

  const wanted = new Float32Array(found.length);
  const queries = await backend.read(q);
  for (let head = 0; head < HEADS; head++) {
    const kvHead = Math.floor((head * KV_HEADS) / HEADS);
    const [key, value] = [new Float32Array(16), new Float32Array(12)];
    const logits: number[] = [];
    const values: Float32Array[] = [];
    for (let t = 0; t < TOKENS; t++) {
      const stored = storedHead(await backend.readPage(kv, Math.floor(t / PAGE)), shape, kvHead);
      stored.key(t % PAGE, key);
      stored.value(t % PAGE, value);
      inOwnChannels(key, shape);
      const logit = scale * key.reduce((sum, x, c) => sum + x * queries[head * 16 + c]!, 0);
      const reads = ranges[kvHead]!.some(([start, end]) => start <= t && t < end);
      const own = softcap === undefined ? logit : softcap * Math.tanh(logit / softcap);
      logits.push(reads ? own : Number.NEGATIVE_INFINITY);
      values.push(value.slice());
    }
    const sum = logits.reduce((all, logit) => all + Math.exp(logit), 0);
    const weights = plainly(
      logits.map((logit) => Math.exp(logit) / sum),
      SINKS[kvHead]!,
      beta,
    );
    expect(weights.reduce((all, w) => all + w, 0)).toBeCloseTo(1, 10);
    for (const [t, weight] of weights.entries())
      for (let c = 0; c < 12; c++) wanted[head * 12 + c]! += weight * values[t]![c]!;
  }
  rows.release();
  const far = (from: Float32Array): number =>
    found.reduce((most, x, i) => Math.max(most, Math.abs(x - from[i]!)), 0);
  return { found, fromDense: far(dense), fromWanted: far(wanted) };
};

describe('weights of sinks', () => {
  test.each<Case>([
    {},
    { beta: 0 },
    { softcap: 2 },
    { ranges: SOME },
    { codec: 'q8' },
    { codec: 'q8', ranges: SOME, beta: 0 },
  ])('are what the formula makes of the whole map: %j', async (own) => {
    const { fromDense, fromWanted } = await attend(own);
    // q8 rounds a query that meets its keys; here it is exact.
    expect(fromWanted).toBeLessThan(own.codec === 'q8' ? 2e-3 : 1e-5);
    expect(fromDense).toBeGreaterThan(5e-3);
  });

  test('add up to 1 with the others', async () => {
    const { found } = await attend({ ones: true, beta: 0 });
    for (const x of found) expect(x).toBeCloseTo(1, 5);
  });

  test('stay where they keep all of them, bit for bit', async () => {
    expect((await attend({ beta: 1 })).fromDense).toBe(0);
  });
});

test('the first token is never a sink, nor what was hardly looked at', () => {
  const scores = Float32Array.from([50, 1, 20, 10, 19]);
  expect(sinksOf(scores, 0.1)).toEqual([2, 4]);
  expect(sinksOf(scores, 0)).toEqual([1, 2, 3, 4]);
  expect(sinksOf(new Float32Array(5), 0)).toEqual([]);
});
