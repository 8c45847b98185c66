/** What each selector of answers promises beyond what every predictor does. On the CPU, plain build. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, Plan, Range, Tensor } from '../../src/backends/backend.js';
import { type AttentionOptions, openPredictor } from '../../src/predictors/index.js';
import type { Predictor } from '../../src/predictors/predictor.js';
import { random } from '../support/random.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, type Reading, type ReadingOptions, tensorOf } from './reading.js';
import { tolerance } from './tolerance.js';

let backend: Backend;
beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
});
afterAll(() => backend.close());

/** Rows of an answer, one after the other, as the engine would have a predictor plan them. */
interface Answer {
  readonly reading: Reading;
  readonly predictor: Predictor;
  /** The ranges of each list that the row at `position` reads in a layer. Rows come in order. */
  row(position: number, q: Float32Array, layer?: number): Promise<Range[][]>;
  /** What attention over the last plan is. */
  attended(q: Float32Array): Promise<Float32Array>;
}

const answer = async (attention: AttentionOptions, options: ReadingOptions): Promise<Answer> => {
  const reading = await createReading(options);
  const { shape, heads, tokens } = reading;
  const predictor = await openPredictor(attention);
  const { needs } = predictor;
  const kv = reading.pages.map((_, layer) => putPages(backend, reading, layer));
  const lists = needs.lists === 'kv-head' ? shape.kvHeads : 1;
  const { kvHeads, keyDim } = shape;
  const chunks = backend.chunkIndex('chunks', { ...needs.chunks!, layers: kv.length, kvHeads, keyDim });
  backend.segment(chunks, kv[0]!, tokens, reading.marks);
  for (const [layer, pages] of kv.entries()) backend.summarize(chunks, layer, pages);
  const [scores, candidates] = [backend.scores('scores', lists), backend.plan('candidates', lists)];
  const plans = kv.map((_, layer) => backend.plan(`plan ${layer}`, lists));
  const scale = 1 / Math.sqrt(keyDim);
  const tensor = (q: Float32Array): Tensor => tensorOf(backend, 1, heads * keyDim, q);
  let last: { layer: number; plan: Plan } = { layer: 0, plan: plans[0]! };
  let before = -1;
  return {
    reading,
    predictor,
    async row(position, q, layer = 0) {
      const continues = before >= position - 1 && position % (needs.refresh ?? 1) > 0;
      const tiles = { position, rows: 1, tileRows: 1, continues };
      const plan = plans[layer]!;
      const input = { layer, tiles, q: tensor(q), kv: kv[layer]!, scale, chunks, scores, candidates };
      predictor.plan(backend, input, plan);
      last = { layer, plan };
      before = position;
      return (await backend.readPlan(plan)).map((row) => [...row]);
    },
    async attended(q) {
      const out = backend.tensor('out', 1, heads * shape.valueDim);
      backend.attend(out, tensor(q), kv[last.layer]!, last.plan, { scale });
      return await backend.read(out);
    },
  };
};

const sizeOf = (ranges: readonly Range[]): number => ranges.reduce((n, [a, b]) => n + b - a, 0);
const widthOf = ({ heads, shape }: Reading): number => heads * shape.keyDim;

test('quest: the first layers read everything', async () => {
  const { reading, row } = await answer({ method: 'quest', budget: 160 }, { tokens: 640, layers: 3 });
  const q = random(1).normals(widthOf(reading));
  for (const [layer, most] of [
    [0, 640],
    [1, 640],
    [2, 160],
  ] as const) {
    for (const ranges of await row(639, q, layer)) {
      expect(sizeOf(ranges)).toBeLessThanOrEqual(most);
      if (most === 640) expect(ranges).toEqual([[0, 640]]);
    }
  }
});

const twilight = (more: object): AttentionOptions => ({
  ...{ method: 'twilight', budget: 4096, sinks: 0, local: 0, dense: 0 },
  ...more,
});

test('twilight: of attention that is the same everywhere the share is read, of a peak little more than it', async () => {
  for (const exact of [false, true]) {
    const tokens = 1025;
    const even = await answer(twilight({ exact, mass: 0.6 }), { tokens, edit: (k) => k.fill(0) });
    const q = random(2).normals(widthOf(even.reading));
    for (const ranges of await even.row(1024, q)) expect(sizeOf(ranges)).toBe(16 * Math.ceil(0.6 * 64) + 1);
    // The keys of one token point along the query of one head of each group.
    const { heads, shape } = even.reading;
    const peak = await answer(twilight({ exact, mass: 0.6 }), {
      tokens,
      edit(keys) {
        for (let kv = 0; kv < shape.kvHeads; kv++) {
          for (let c = 0; c < shape.keyDim; c++) {
            const own = q[((kv * heads) / shape.kvHeads) * shape.keyDim + c]!;
            keys[(500 * shape.kvHeads + kv) * shape.keyDim + c] = 4 * own;
          }
        }
      },
    });
    const alike = q.map((_, i) => {
      const head = Math.floor(i / shape.keyDim);
      return q[Math.floor(head / 2) * 2 * shape.keyDim + (i % shape.keyDim)]!;
    });
    for (const ranges of await peak.row(1024, alike)) {
      expect(ranges).toEqual([
        [496, 512],
        [1024, 1025],
      ]);
    }
  }
});

test('twilight: by exact weights, what is left out of the output is bounded by the mass that is left out', async () => {
  const options = { tokens: 769, group: 1 };
  const dense = await answer({ ...twilight({}), dense: 1 } as AttentionOptions, options);
  const q = random(3).normals(widthOf(dense.reading));
  await dense.row(768, q);
  const all = await dense.attended(q);
  const greatest = 6; // of values that are normal numbers
  let before = Number.POSITIVE_INFINITY;
  for (const mass of [0.3, 0.6, 0.9, 0.99]) {
    const { row, attended } = await answer(twilight({ exact: true, mass }), options);
    const plans = await row(768, q);
    const found = await attended(q);
    const error = Math.max(...found.map((x, c) => Math.abs(x - all[c]!)));
    expect(error).toBeLessThanOrEqual(2 * (1 - mass) * greatest + tolerance.attentionCode * greatest);
    expect(Math.max(...plans.map(sizeOf))).toBeLessThan(769);
    expect(error).toBeLessThan(before);
    before = error;
  }
});

test('token-select: the same question reads the same, and is not asked twice; another one is', async () => {
  const { reading, row, predictor } = await answer(
    { method: 'token-select', budget: 100, sinks: 4, local: 8 },
    { tokens: 700 },
  );
  const [q, other] = [random(4).normals(widthOf(reading)), random(5).normals(widthOf(reading))];
  const near = q.map((x, c) => x + 0.1 * other[c]!);
  const first = (await row(640, q))[0]!;
  expect(first.length).toBeGreaterThan(20);
  // Choice and tail are the first row's; each row adds itself.
  const grown = (position: number): Range[] => [...first.slice(0, -1), [first.at(-1)![0], position + 1]];
  expect((await row(641, q))[0]).toEqual(grown(641));
  expect((await row(642, near))[0]).toEqual(grown(642));
  expect(predictor.counts!()).toEqual({ asked: 3, reused: 2 });
  expect((await row(643, other))[0]!.slice(0, -1)).not.toEqual(first.slice(0, -1));
  expect(predictor.counts!()).toEqual({ asked: 4, reused: 2 });
  // At the end of a group everything is asked again.
  for (let position = 644; position <= 656; position++) await row(position, other);
  expect(predictor.counts!()).toEqual({ asked: 17, reused: 2 + 12 });
});

test('token-select: heads vote by their softmax, and none has more votes for being louder', async () => {
  // Head 0 asks for 20 tokens with a logit of 40, all alike; the three others for 10 more with one of 6.
  const [loud, wanted] = [100, 300];
  const { reading, row } = await answer(
    { method: 'token-select', budget: 11, sinks: 0, local: 0, cache: 1 },
    {
      tokens: 641,
      edit(keys) {
        keys.fill(0);
        for (let head = 0; head < 2; head++) {
          for (let i = 0; i < 20; i++) keys[((loud + i) * 2 + head) * 64] = 8;
          for (let i = 0; i < 10; i++) keys[((wanted + i) * 2 + head) * 64 + 1] = 8;
        }
      },
    },
  );
  const q = new Float32Array(widthOf(reading));
  q[0] = 40;
  for (let head = 1; head < 4; head++) q[head * 64 + 1] = 6;
  expect(await row(640, q)).toEqual([
    [
      [wanted, wanted + 10],
      [640, 641],
    ],
  ]);
});

test('recycled: rows read everything on schedule, and where the question turns', async () => {
  const options = { method: 'recycled', budget: 100, sinks: 4, local: 8, every: 8 } as const;
  for (const similarity of [undefined, 0.5]) {
    const { reading, row, predictor } = await answer(
      { ...options, ...(similarity !== undefined && { similarity }) },
      { tokens: 700 },
    );
    const [q, turned] = [random(4).normals(widthOf(reading)), random(5).normals(widthOf(reading))];
    const whole: number[] = [];
    let chosen: Range[] = [];
    for (let position = 644; position < 668; position++) {
      const [ranges] = await row(position, position < 659 ? q : turned);
      if (sizeOf(ranges!) === position + 1) whole.push(position);
      else if (whole.at(-1) === position - 1) chosen = ranges!.slice(0, -1);
      else expect(ranges!.slice(0, -1)).toEqual(chosen);
    }
    expect(whole).toEqual(similarity === undefined ? [644, 648, 656, 664] : [644, 648, 656, 659, 664]);
    expect(predictor.counts!()).toEqual({ asked: 24, dense: whole.length });
  }
});

test('recycled: every row is dense attention', async () => {
  const { reading, row } = await answer({ method: 'recycled', every: 1, budget: 10 }, { tokens: 200 });
  for (const position of [190, 191, 192]) {
    expect(await row(position, random(position).normals(widthOf(reading)))).toEqual([
      [[0, position + 1]],
      [[0, position + 1]],
    ]);
  }
});

test('delta: layers that choose read everything, the others exactly the budget of the layer below them', async () => {
  const budget = 20 * 16;
  const options = { method: 'delta', dense: 1, layers: [1, 3], budget, local: 128, sinks: 16 } as const;
  const { reading, row } = await answer(options, { tokens: 961, layers: 5 });
  const q = random(6).normals(widthOf(reading));
  const plans: Range[][] = [];
  for (let layer = 0; layer < 5; layer++) plans.push((await row(960, q, layer))[0]!);
  for (const layer of [0, 1, 3]) expect(plans[layer]).toEqual([[0, 961]]);
  for (const layer of [2, 4]) expect(sizeOf(plans[layer]!)).toBe(budget);
  expect(plans[2]).not.toEqual(plans[4]);
  // What layer 2 reads holds as much of layer 1's attention as the best blocks do.
  const best = await answer(
    { method: 'oracle', lists: 'layer', budget, local: 128, sinks: 16 },
    { tokens: 961, layers: 5 },
  );
  expect((await best.row(960, q, 1))[0]).toEqual(plans[2]);

  const wide = await answer({ ...options, budget: 961 }, { tokens: 961, layers: 5 });
  for (let layer = 0; layer < 5; layer++) expect(await wide.row(960, q, layer)).toEqual([[[0, 961]]]);
});

test('lazy: behind two depths what was looked at least is left out, and comes back with the next row', async () => {
  const options = { method: 'lazy', sinks: 4, local: 8 } as const;
  const tokens = 961;
  const { reading, row } = await answer(options, { tokens, layers: 6 });
  const layersOf = async (position: number): Promise<Range[][]> => {
    const q = random(position).normals(widthOf(reading));
    const plans: Range[][] = [];
    for (let layer = 0; layer < 6; layer++) plans.push((await row(position, q, layer))[0]!);
    return plans;
  };
  const named = (ranges: readonly Range[]): Set<number> =>
    new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i)));
  const plans = await layersOf(959);
  expect(plans.map(sizeOf)).toEqual([960, 960, 672, 672, 384, 384]);
  const [more, fewer] = [named(plans[2]!), named(plans[4]!)];
  expect([...fewer].filter((token) => !more.has(token))).toEqual([]);
  // Exactly the best by all heads, among those that are left: nothing that went weighs more.
  const best = await answer(
    { method: 'oracle', size: 1, lists: 'layer', density: 0.7, sinks: 4, local: 8 } as AttentionOptions,
    { tokens, layers: 6 },
  );
  expect((await best.row(959, random(959).normals(widthOf(reading)), 1))[0]).toEqual(plans[2]);
  const next = named((await layersOf(960))[4]!);
  expect([...next].filter((token) => !more.has(token) && token < 959).length).toBeGreaterThan(0);

  const whole = await answer({ ...options, shares: [1, 1] }, { tokens, layers: 6 });
  for (let layer = 0; layer < 6; layer++)
    expect(await whole.row(960, random(1).normals(widthOf(reading)), layer)).toEqual([[[0, 961]]]);
  for (const shares of [[], [0.4, 0.7], [0], [2]])
    await expect(openPredictor({ method: 'lazy', shares })).rejects.toMatchObject({ code: 'input/option' });
});

test('layers that choose are refused where they do not ascend from the dense ones', async () => {
  for (const layers of [[], [1], [2, 2], [2, 5, 4]]) {
    await expect(openPredictor({ method: 'delta', layers })).rejects.toMatchObject({ code: 'input/option' });
  }
});

test('what is skipped is what cannot matter: with a share of 0 nothing, with more of it less and less', async () => {
  const { reading } = await answer({ method: 'quest' }, { tokens: 700, group: 1 });
  const kv = putPages(backend, reading);
  const q = random(7)
    .normals(widthOf(reading))
    .map((x) => 4 * x);
  const query = tensorOf(backend, 1, widthOf(reading), q);
  const plan = backend.plan('plan', 1);
  const predictor = async (skip?: number) =>
    openPredictor({ method: 'dense', ...(skip !== undefined && { skip }) });
  const attended = async ({ needs }: Predictor): Promise<Float32Array> => {
    const out = backend.tensor('out', 1, widthOf(reading));
    const { skipBelow } = needs;
    backend.attend(out, query, kv, plan, { scale: 1 / 8, ...(skipBelow !== undefined && { skipBelow }) });
    return await backend.read(out);
  };
  const dense = await predictor();
  dense.plan(
    backend,
    { layer: 0, tiles: { position: 699, rows: 1, tileRows: 1 }, q: query, kv, scale: 1 / 8 },
    plan,
  );
  const exact = await attended(dense);
  expect(await attended(await predictor(0))).toEqual(exact);
  expect((await predictor(0)).signature).toBe(dense.signature);
  let before = 0;
  for (const skip of [1e-6, 1e-2, 0.5]) {
    const predicted = await predictor(skip);
    expect(predicted.signature).toBe(`dense skip=${skip}`);
    const error = Math.max(...(await attended(predicted)).map((x, c) => Math.abs(x - exact[c]!)));
    // Each of 700 tokens left out weighs less than the share, and values are normal numbers.
    expect(error).toBeLessThan(2 * 6 * 700 * skip + 1e-3);
    expect(error).toBeGreaterThanOrEqual(before);
    before = error;
  }
  expect(before).toBeGreaterThan(1e-3);
  await expect(predictor(1)).rejects.toMatchObject({ code: 'input/option' });
});
