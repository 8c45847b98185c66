/** SeerAttention-R's gates for single rows: what they choose is what a plain definition says. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, Range } from '../../src/backends/backend.js';
import { ropeAngles } from '../../src/model/rope.js';
import { openPredictor } from '../../src/predictors/index.js';
import type { PredictInput, Predictor, Turned } from '../../src/predictors/predictor.js';
import type { SeerOptions } from '../../src/predictors/seer.js';
import { random } from '../support/random.js';
import { type WrittenTensor, writeSafetensors } from '../support/safetensors-writer.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, type Reading, tensorOf } from './reading.js';

const [KV_HEADS, GROUP, DIM, TOKENS] = [2, 2, 16, 64 * 9 + 20];
const HEADS = KV_HEADS * GROUP;
const PAGES = 9;

let backend: Backend;
beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
});
afterAll(() => backend.close());

/** Maps of every KV head: what `of` has for (output, input). */
const mapOf = (gate: number, width: number, of: (g: number, i: number, head: number) => number) => ({
  shape: [KV_HEADS, gate, width],
  values: Float32Array.from({ length: KV_HEADS * gate * width }, (_, n) =>
    of(Math.floor(n / width) % gate, n % width, Math.floor(n / (gate * width))),
  ),
});

type Maps = Record<'row.q' | 'row.k', WrittenTensor> &
  Partial<Record<'row.qNorm' | 'row.kNorm', WrittenTensor>>;

/** A file of one layer. */
const fileOf = (maps: Partial<Maps> & Record<string, WrittenTensor>, rowBase?: string) =>
  writeSafetensors(
    new Map(Object.entries(maps).map(([name, tensor]) => [`layers.0.${name}`, tensor])),
    rowBase === undefined ? {} : { rowBase },
  );

/** The sum of a group's queries, and the mean key: `sign` −1 asks for what they look at least. */
const meanMaps = (sign = 1): Maps => ({
  'row.q': mapOf(DIM, GROUP * DIM, (g, i) => (i % DIM === g ? sign : 0)),
  'row.k': mapOf(DIM, 3 * DIM, (g, i) => (i === 2 * DIM + g ? 1 : 0)),
});

const numbers = random(8);
const vector = (length: number, values = numbers.normals(length)): WrittenTensor => ({
  shape: [length],
  values,
});
const drawn: Maps = {
  'row.q': mapOf(8, GROUP * DIM, () => numbers.normal()),
  'row.k': mapOf(8, 3 * DIM, () => numbers.normal()),
  'row.qNorm': vector(8),
  'row.kNorm': vector(8),
};

/** Rows (tokens, heads · DIM) turned by their position, channel i with i + DIM / 2. */
const turn = (x: Float32Array, heads: number): Float32Array => {
  const angles = ropeAngles({ base: 10000 }, DIM, 0, x.length / (heads * DIM));
  return x.map((own, n) => {
    const [row, c] = [Math.floor(n / (heads * DIM)), n % DIM];
    const pair = c % (DIM / 2);
    const [cos, sin] = [angles[row * DIM + pair]!, angles[row * DIM + DIM / 2 + pair]!];
    const other = x[n - c + ((c + DIM / 2) % DIM)]!;
    return c < DIM / 2 ? cos * own - sin * other : cos * own + sin * other;
  });
};
const turned: Turned = {
  ...{ dim: DIM, pairing: 'half' },
  angles: (position, rows) => ropeAngles({ base: 10000 }, DIM, position, rows),
};

const queries = random(4).normals(TOKENS * HEADS * DIM);
/** Keys before rotation, with what each page has in common, and as pages keep them. */
let keys: Float32Array;
let reading: Reading;
beforeAll(async () => {
  const topics = random(5).normals((PAGES + 1) * KV_HEADS * DIM);
  const own = random(6);
  keys = Float32Array.from({ length: TOKENS * KV_HEADS * DIM }, (_, n) => {
    const [token, at] = [Math.floor(n / (KV_HEADS * DIM)), n % (KV_HEADS * DIM)];
    return topics[Math.floor(token / 64) * KV_HEADS * DIM + at]! + 0.5 * own.normal();
  });
  reading = await createReading({
    ...{ tokens: TOKENS, kvHeads: KV_HEADS, group: GROUP, dim: DIM, keys: 'f16' },
    edit: (stored) => stored.set(turn(keys, KV_HEADS)),
  });
});

const rootMean = (x: readonly number[]): number => Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);

/** The definition: what the gate of a KV head says of a page for a row, the rotation as one of what lies between. */
const logitOf = (maps: Maps, base: number | undefined, head: number, row: number, page: number): number => {
  const gate = maps['row.q'].shape[1]!;
  const channel = (at: number): readonly number[] =>
    Array.from({ length: 64 }, (_, i) => keys[((page * 64 + i) * KV_HEADS + head) * DIM + at]!);
  const pooled = [
    ...Array.from({ length: DIM }, (_, c) => Math.max(...channel(c))),
    ...Array.from({ length: DIM }, (_, c) => Math.min(...channel(c))),
    ...Array.from({ length: DIM }, (_, c) => channel(c).reduce((a, b) => a + b, 0) / 64),
  ];
  const asked = [...queries.slice((row * HEADS + head * GROUP) * DIM).slice(0, GROUP * DIM)];
  const project = (map: WrittenTensor, x: readonly number[], norm?: WrittenTensor): readonly number[] => {
    const out = Array.from({ length: gate }, (_, g) =>
      x.reduce((sum, v, i) => sum + v * map.values[(head * gate + g) * x.length + i]!, 0),
    );
    return norm ? out.map((v, g) => (v / rootMean(out)) * norm.values[g]!) : out;
  };
  const q = project(maps['row.q'], asked, maps['row.qNorm']);
  const k = project(maps['row.k'], pooled, maps['row.kNorm']);
  let sum = 0;
  for (let pair = 0; pair < gate / 2; pair++) {
    const angle = base === undefined ? 0 : (row - page * 64) * base ** ((-2 * pair) / gate);
    const [a, b, c, d] = [q[pair]!, q[pair + gate / 2]!, k[pair]!, k[pair + gate / 2]!];
    sum += (a * c + b * d) * Math.cos(angle) + (a * d - b * c) * Math.sin(angle);
  }
  return sum;
};

/** What rows of their own, or a tile, read: the ranges of [list][row]. */
const planned = async (predictor: Predictor, position: number, rows: number, tileRows = 1) => {
  const plan = backend.plan('plan', KV_HEADS);
  const width = HEADS * DIM;
  const asked = turn(queries, HEADS).slice(position * width, (position + rows) * width);
  const tiles = { position, rows, tileRows };
  const q = tensorOf(backend, rows, width, asked);
  const input: PredictInput = { layer: 0, tiles, q, kv: putPages(backend, reading), scale: 0.25, turned };
  predictor.plan(backend, input, plan);
  return (await backend.readPlan(plan)).map((row) => [...row]);
};

const openRows = (gates: Uint8Array, more: Partial<SeerOptions> = {}): Promise<Predictor> =>
  openPredictor({ method: 'seer', gates, budget: 4 * 64, sinks: 0, local: 0, ...more });

const pagesOf = (ranges: readonly Range[]): number[] =>
  Array.from({ length: PAGES }, (_, page) => page).filter((page) =>
    ranges.some(([start, end]) => page * 64 >= start && page * 64 + 64 <= end),
  );

const best = (count: number, score: (page: number) => number): number[] =>
  Array.from({ length: PAGES }, (_, page) => page)
    .sort((a, b) => score(b) - score(a))
    .slice(0, count)
    .sort((a, b) => a - b);

/** The first row behind nine whole pages, whose budget of four has room for three of them, and rows after it. */
const ROWS = [576, 577, 590, TOKENS - 1];

test.each([
  ['that equal the mean key', meanMaps(), undefined],
  ['that are drawn, with norms', drawn, 10000],
  ['that are drawn, with norms and no rotation', drawn, undefined],
] as const)('gates %s choose as their definition does, and the open page is read always', async (_, maps, base) => {
  const predictor = await openRows(fileOf(maps, String(base ?? 'none')));
  for (const row of ROWS) {
    const plan = await planned(predictor, row, 1);
    for (let head = 0; head < KV_HEADS; head++) {
      const ranges = plan[head]!;
      expect(pagesOf(ranges)).toEqual(best(3, (page) => logitOf(maps, base, head, row, page)));
      expect(ranges.at(-1)![1]).toBe(row + 1);
      expect(ranges.at(-1)![0]).toBeLessThanOrEqual(576);
    }
  }
});

test('with a threshold rows read what has a greater share of the softmax, however much that is, whatever the budget', async () => {
  const file = fileOf(drawn, '10000');
  const counts = new Set<number>();
  for (const threshold of [0, 0.02, 0.1, 0.4, 1]) {
    const predictor = await openRows(file, { threshold });
    for (const row of ROWS) {
      const plan = await planned(predictor, row, 1);
      for (let head = 0; head < KV_HEADS; head++) {
        const weights = Array.from({ length: PAGES }, (_, page) =>
          Math.exp(logitOf(drawn, 10000, head, row, page) / Math.sqrt(8)),
        );
        const sum = weights.reduce((a, b) => a + b, 0);
        const wanted = weights.flatMap((weight, page) => (weight / sum > threshold ? [page] : []));
        expect(pagesOf(plan[head]!)).toEqual(wanted);
        expect(plan[head]!.at(-1)![1]).toBe(row + 1);
        counts.add(wanted.length);
      }
    }
  }
  expect([...counts]).toEqual(expect.arrayContaining([0, PAGES]));
  expect(counts.size).toBeGreaterThan(4);
});

test('a threshold is for rows with gates, and a share', async () => {
  const file = fileOf(drawn, '10000');
  const signatures = [{}, { threshold: 0.1 }, { threshold: 0.2 }].map(
    async (more) => (await openRows(file, more)).signature,
  );
  expect(new Set(await Promise.all(signatures)).size).toBe(3);
  for (const more of [{ threshold: -0.1 }, { threshold: 1.5 }, { threshold: 0.1, answers: 'dense' }] as const)
    await expect(openRows(file, more)).rejects.toMatchObject({
      code: 'input/option',
      message: expect.stringContaining('attention.threshold'),
    });
});

test('gates that ask for the opposite read what the others leave: choices follow the file', async () => {
  const [kept, turnedRound] = await Promise.all(
    [1, -1].map(async (sign) => planned(await openRows(fileOf(meanMaps(sign), 'none')), 577, 1)),
  );
  for (let head = 0; head < KV_HEADS; head++) {
    const others = new Set(pagesOf(kept![head]!));
    expect(pagesOf(turnedRound![head]!).filter((page) => others.has(page))).toEqual([]);
  }
  // The rotation counts too: drawn gates choose otherwise without it.
  const [withIt, without] = await Promise.all(
    ['10000', 'none'].map(async (base) => planned(await openRows(fileOf(drawn, base)), 577, 1)),
  );
  expect(withIt).not.toEqual(without);
});

test('rows read the same alone as together, with keys of pages noted before or now', async () => {
  const file = fileOf(drawn, '10000');
  const together = await planned(await openRows(file), 570, 20);
  const kept = await openRows(file);
  for (let i = 0; i < 20; i++) {
    const alone = await planned(kept, 570 + i, 1);
    expect(alone).toEqual([together[i], together[20 + i]]);
  }
});

test('queries that are no numbers read as much, the latest pages', async () => {
  const predictor = await openRows(fileOf(drawn, '10000'));
  const plan = backend.plan('plan', KV_HEADS);
  const q = tensorOf(backend, 1, HEADS * DIM, new Float32Array(HEADS * DIM).fill(Number.NaN));
  const tiles = { position: 580, rows: 1, tileRows: 1 };
  predictor.plan(backend, { layer: 0, tiles, q, kv: putPages(backend, reading), scale: 0.25, turned }, plan);
  expect((await backend.readPlan(plan)).map((row) => [...row])).toEqual([[[384, 581]], [[384, 581]]]);
});

test('a file of gates for rows alone reads a text densely, and answers as it is told', async () => {
  const file = fileOf(meanMaps(), 'none');
  const gated = await openRows(file);
  expect(gated.name).toBe('seer');
  expect(gated.needs).toMatchObject({ lists: 'kv-head', host: true, wholeContext: true, prefixStable: true });
  for (const ranges of await planned(gated, 512, 64, 64)) expect(ranges).toEqual([[0, 576]]);
  for (const ranges of await planned(await openRows(file, { answers: 'dense' }), 577, 1))
    expect(ranges).toEqual([[0, 578]]);
  const signatures = await Promise.all(
    (['gates', 'dense', 'dhsa'] as const).map(
      async (answers) => (await openRows(file, { answers })).signature,
    ),
  );
  expect(new Set(signatures).size).toBe(3);
  expect(gated.signature).toBe(signatures[0]);
});

test('a file of both kinds reads by its gates for tiles, or everything where it is told so; rows choose alike', async () => {
  const map = (heads: number, width: number): WrittenTensor => ({
    shape: [heads, DIM, width],
    values: numbers.normals(heads * DIM * width),
  });
  const tiles: Record<string, WrittenTensor> = { q: map(HEADS, DIM), k: map(KV_HEADS, 3 * DIM) };
  const all = new Map(
    Object.entries({ ...meanMaps(), ...tiles }).map(([name, tensor]) => [`layers.0.${name}`, tensor]),
  );
  const file = writeSafetensors(all, { base: '10000', rowBase: 'none' });
  const [both, rowsOnly] = [await openRows(file), await openRows(file, { reading: 'dense' })];
  for (const ranges of await planned(rowsOnly, 512, 64, 64)) expect(ranges).toEqual([[0, 576]]);
  for (const ranges of await planned(both, 512, 64, 64)) expect(ranges.length).toBeGreaterThan(1);
  expect(await planned(both, 577, 1)).toEqual(await planned(rowsOnly, 577, 1));
  expect(both.signature).not.toBe(rowsOnly.signature);
  await expect(openRows(fileOf(meanMaps(), 'none'), { reading: 'gates' })).rejects.toMatchObject({
    code: 'input/option',
    message: expect.stringContaining('for single rows only'),
  });
});

test('files of other shapes are refused', async () => {
  const { 'row.qNorm': _, ...halfNormed } = drawn;
  const corrupt: readonly (readonly [Uint8Array, RegExp])[] = [
    [fileOf(drawn), /rowBase of NaN/],
    [fileOf(drawn, '0.5'), /rowBase of 0\.5/],
    [fileOf(halfNormed, '10000'), /qNorm/],
    [fileOf({ ...drawn, 'row.kNorm': vector(4) }, '10000'), /kNorm.*is \(4\), not \(8\)/],
    [fileOf({ ...meanMaps(), 'row.k': mapOf(DIM, 3 * DIM + 1, () => 1) }, 'none'), /no gates for rows/],
    [fileOf({ ...meanMaps(), 'row.q': mapOf(DIM, GROUP * DIM + 1, () => 1) }, 'none'), /no gates for rows/],
    [fileOf({ ...meanMaps(), 'row.q': mapOf(3, GROUP * DIM, () => 1) }, 'none'), /no gates for rows/],
    [fileOf({ other: vector(4) }, 'none'), /layers\.0\.q/],
  ];
  for (const [gates, message] of corrupt) {
    await expect(openRows(gates)).rejects.toMatchObject({
      code: 'model/corrupt',
      message: expect.stringMatching(message),
    });
  }
  const wide = await createReading({ tokens: TOKENS, kvHeads: KV_HEADS, group: GROUP, dim: 32 });
  const predictor = await openRows(fileOf(drawn, '10000'));
  const q = tensorOf(backend, 1, HEADS * 32, new Float32Array(HEADS * 32));
  const tiles = { position: 580, rows: 1, tileRows: 1 };
  expect(() =>
    predictor.plan(
      backend,
      { layer: 0, tiles, q, kv: putPages(backend, wide), scale: 0.2 },
      backend.plan('plan', KV_HEADS),
    ),
  ).toThrow(expect.objectContaining({ code: 'input/option', message: expect.stringMatching(/this model/) }));
});
