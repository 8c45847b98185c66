import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  type ChunkIndex,
  type KvLayer,
  MOST_REUSE,
  type Plan,
  type Range,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import { createSpans } from '../../src/generate/spans.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import type { Predictor } from '../../src/predictors/predictor.js';
import { createPredictor, predictors } from '../support/predictors.js';
import { random } from '../support/random.js';
import { expectEqual } from './compare.js';
import { createReading, putPages, type Reading, type ReadingOptions, tensorOf } from './reading.js';

/** Least and most of a share. */
type Share = readonly [least: number, most: number];
const ALL: Share = [1, 1];
const NONE: Share = [0, 0];

/** Where rows of their own choose, and tiles of a text read everything. */
const denseReading: Method['most'] = (budget, tokens, tileRows) => (tileRows > 1 ? tokens : budget);

/** Where tiles of a text choose, and rows of their own read everything. */
const denseAnswers: Method['most'] = (budget, tokens, tileRows) => (tileRows > 1 ? budget : tokens);

/** A method under test: its options for a budget in tokens, and what it finds. */
interface Method {
  readonly label: string;
  /** Whether what is read depends on what is asked. */
  readonly dynamic: boolean;
  /** At 1/8 density: of planted runs of keys, for tiles of a text, and of single planted keys, for rows of their own. */
  readonly finds: { readonly runs: Share; readonly tokens: Share };
  /** Looks at every token: on the reference by few shapes. */
  readonly slow?: boolean;
  /** Tokens that a tile of so many rows of a text of so many reads at most, beside what is forced. Default: the budget. */
  readonly most?: (budget: number, tokens: number, tileRows: number) => number;
  /** Reads less than its budget where that is enough: with a full one it is not dense attention. */
  readonly prunes?: boolean;
  /** Ranges have lifts, and touch where these differ. */
  readonly lifts?: boolean;
  options(budget: number): AttentionOptions;
}

const FOUND = { runs: ALL, tokens: ALL };
const FEW: Share = [0, 0.7];
/** What is found where nobody looks: no more than by chance. */
const BLIND = { runs: [0, 0.5], tokens: [0, 0.5] } as const;

const dhsa = (label: string, more: Partial<Extract<AttentionOptions, { method: 'dhsa' }>>): Method => ({
  label,
  dynamic: true,
  finds: FOUND,
  // Named candidates, so that texts as short as these meet both stages.
  options: (budget) => ({ method: 'dhsa', budget, sinks: 4, local: 8, candidates: 4, ...more }),
});

const methods: readonly Method[] = [
  {
    label: 'dense',
    dynamic: false,
    finds: FOUND,
    most: (_, tokens) => tokens,
    options: () => ({ method: 'dense' }),
  },
  {
    label: 'auto',
    dynamic: false,
    finds: FOUND,
    most: (_, tokens) => tokens,
    options: (budget) => ({ method: 'auto', budget }),
  },
  {
    label: 'sliding',
    dynamic: false,
    finds: { runs: NONE, tokens: NONE },
    most: (budget) => budget + 4 + 64,
    options: (budget) => ({ method: 'sliding', window: budget, sinks: 4 }),
  },
  {
    label: 'a-shape',
    dynamic: false,
    finds: { runs: NONE, tokens: ALL },
    most: (_, tokens) => tokens,
    options: (budget) => ({ method: 'a-shape', window: budget, sinks: 4 }),
  },
  {
    label: 'power',
    dynamic: false,
    finds: BLIND,
    // The window in whole pages, and as many pages as the logarithm.
    most: (budget, tokens) => budget + 128 + 64 * Math.ceil(Math.log2(tokens + 1)),
    options: (budget) => ({ method: 'power', window: budget, sinks: 4 }),
  },
  {
    label: 'neighborhood',
    dynamic: false,
    finds: BLIND,
    most: (budget) => budget + 128,
    options: (budget) => ({ method: 'neighborhood', window: budget }),
  },
  {
    label: 'random',
    dynamic: false,
    finds: BLIND,
    options: (budget) => ({ method: 'random', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'random, with a rest',
    dynamic: false,
    finds: BLIND,
    lifts: true,
    options: (budget) => ({ method: 'random', budget, sinks: 4, local: 8, rest: 16 }),
  },
  {
    label: 'oracle',
    dynamic: true,
    finds: FOUND,
    options: (budget) => ({ method: 'oracle', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'blocks',
    dynamic: true,
    finds: { runs: ALL, tokens: FEW },
    options: (budget) => ({ method: 'blocks', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'blocks, one list',
    dynamic: true,
    finds: { runs: ALL, tokens: FEW },
    options: (budget) => ({ method: 'blocks', budget, sinks: 4, local: 8, size: 16, lists: 'layer' }),
  },
  {
    label: 'quest',
    dynamic: true,
    finds: FOUND,
    most: denseReading,
    options: (budget) => ({ method: 'quest', budget, sinks: 4, local: 8, dense: 0 }),
  },
  {
    label: 'quest, one list, reading by dhsa',
    dynamic: true,
    finds: FOUND,
    options: (budget) => ({
      method: 'quest',
      budget,
      sinks: 4,
      local: 8,
      dense: 0,
      lists: 'layer',
      reading: 'dhsa',
    }),
  },
  ...(['vertical-slash', 'flex-prefill', 'proxy-attn', 'sale', 'x-attention'] as const).map(
    (method): Method => ({
      label: method,
      dynamic: true,
      slow: true,
      finds: FOUND,
      most: denseAnswers,
      options: (budget) => ({
        ...{ method, budget, sinks: 4, local: 8 },
        ...(method === 'sale' && { first: 4, window: 8 }),
      }),
    }),
  ),
  {
    label: 'vertical-slash, one list, answers by dhsa',
    dynamic: true,
    finds: FOUND,
    options: (budget) => ({
      ...{ method: 'vertical-slash', budget, sinks: 4, local: 8, size: 16, rows: 3 },
      ...{ lists: 'layer', answers: 'dhsa' },
    }),
  },
  {
    label: 'twilight, all of it',
    dynamic: true,
    finds: FOUND,
    most: denseReading,
    options: (budget) => ({ method: 'twilight', budget, sinks: 4, local: 8, dense: 0, mass: 1 }),
  },
  {
    label: 'twilight',
    dynamic: true,
    finds: FOUND,
    prunes: true,
    options: (budget) => ({
      ...{ method: 'twilight', budget, sinks: 4, local: 8, dense: 0, selector: 'quest' },
      ...{ lists: 'layer', reading: 'dhsa' },
    }),
  },
  {
    label: 'hyper-attention',
    dynamic: true,
    slow: true,
    // A hash by seven planes: what points nearly alike may fall apart.
    finds: { runs: [0.7, 1], tokens: ALL },
    most: denseAnswers,
    options: (budget) => ({ method: 'hyper-attention', budget, sinks: 4, local: 8, bucket: 32 }),
  },
  {
    label: 'hyper-attention, with a rest',
    dynamic: true,
    slow: true,
    finds: { runs: [0.7, 1], tokens: ALL },
    most: denseAnswers,
    lifts: true,
    options: (budget) => ({ method: 'hyper-attention', budget, sinks: 4, local: 8, bucket: 32, rest: 16 }),
  },
  {
    label: 'sea',
    dynamic: true,
    slow: true,
    finds: FOUND,
    most: denseAnswers,
    options: (budget) => ({ method: 'sea', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'landmark',
    dynamic: true,
    slow: true,
    // One key among 16 is hardly seen in their mean.
    finds: { runs: ALL, tokens: [0, 0.9] },
    most: denseReading,
    lifts: true,
    options: (budget) => ({ method: 'landmark', budget, sinks: 4, local: 8, size: 16 }),
  },
  {
    label: 'long-heads',
    dynamic: true,
    slow: true,
    // One key among 64 others is hardly seen in what stands for them.
    finds: { runs: ALL, tokens: FEW },
    options: (budget) => ({ method: 'long-heads', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'long-heads pooled',
    dynamic: true,
    slow: true,
    // Of the stand-ins one is nearly the key that lies furthest from the others, unless three others lie further: 0.97 was found.
    finds: { runs: ALL, tokens: [0.9, 1] },
    options: (budget) => ({ method: 'long-heads', summaries: 'pooled', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'retrieval',
    dynamic: true,
    slow: true,
    finds: FOUND,
    most: denseReading,
    options: (budget) => ({ method: 'retrieval', budget, sinks: 4, local: 8, run: 64, candidates: 6 }),
  },
  {
    label: 'token-select',
    dynamic: true,
    finds: FOUND,
    most: denseReading,
    options: (budget) => ({ method: 'token-select', budget, sinks: 4, local: 8 }),
  },
  {
    label: 'recycled',
    dynamic: true,
    // Rows between those that read everything miss what only they look for.
    finds: { runs: ALL, tokens: FEW },
    most: (_, tokens) => tokens,
    options: (budget) => ({ method: 'recycled', budget, sinks: 4, local: 8, every: 8 }),
  },
  {
    label: 'delta',
    dynamic: true,
    finds: FOUND,
    // The layer that is tried here is one that chooses for others.
    most: (_, tokens) => tokens,
    options: (budget) => ({ method: 'delta', budget, sinks: 4, local: 8, dense: 0 }),
  },
  {
    label: 'lazy',
    dynamic: true,
    finds: FOUND,
    // One layer is tried here, and what goes is left out of deeper ones.
    most: (_, tokens) => tokens,
    options: () => ({ method: 'lazy', sinks: 4, local: 8 }),
  },
  dhsa('dhsa', {}),
  dhsa('dhsa, delimiters', { boundaries: 'delimiters' }),
  dhsa('dhsa, fixed, one list', { boundaries: 'fixed', lists: 'layer' }),
  // Rows look among candidates that another row named, and miss what only they look for.
  { ...dhsa('dhsa, refresh', { candidates: 2, refresh: 8 }), finds: { runs: ALL, tokens: FEW } },
];

/** A reading on a backend, indexed as the predictor needs it, up to `tokens`. */
interface Opened {
  readonly kv: KvLayer;
  readonly chunks?: ChunkIndex;
  /** What calls in turn leave to each other. */
  readonly candidates?: Plan;
}

const open = (backend: Backend, reading: Reading, { needs }: Predictor, tokens = reading.tokens): Opened => {
  const kv = putPages(backend, reading);
  const lists = needs.lists === 'kv-head' ? reading.shape.kvHeads : 1;
  const candidates = needs.candidates && { candidates: backend.plan('candidates', lists) };
  if (!needs.chunks) return { kv, ...candidates };
  const { kvHeads, keyDim } = reading.shape;
  const chunks = backend.chunkIndex('chunks', { ...needs.chunks, layers: 1, kvHeads, keyDim });
  extend(backend, { kv, chunks }, reading, tokens);
  return { kv, chunks, ...candidates };
};

/** As `open`, made once for all predictors that need the same of a reading. */
const openOnce = (backend: Backend, reading: Reading, predictor: Predictor): Opened => {
  const known = opened.get(reading) ?? [];
  opened.set(reading, known);
  const needs = JSON.stringify(predictor.needs);
  const found = known.find((it) => it.backend === backend && it.needs === needs);
  if (found) return found.opened;
  const made = open(backend, reading, predictor);
  known.push({ backend, needs, opened: made });
  return made;
};
const opened = new WeakMap<Reading, { backend: Backend; needs: string | undefined; opened: Opened }[]>();

const extend = (backend: Backend, { kv, chunks }: Opened, { marks }: Reading, tokens: number): void => {
  if (!chunks) return;
  backend.segment(chunks, kv, tokens, marks);
  backend.summarize(chunks, 0, kv);
};

/** Plans `rows` of the reading's queries: the ranges of [list][tile], and on request what attention makes of them. */
const planRows = async (
  backend: Backend,
  reading: Reading,
  predictor: Predictor,
  { kv, chunks, candidates }: Opened,
  tiles: Tiles,
  queries: Float32Array,
): Promise<{ plan: Range[][]; attend: () => Promise<Float32Array>; lists: number }> => {
  const { oneByOne, refresh = 1 } = predictor.needs;
  if (oneByOne && tiles.rows > 1 && tiles.tileRows <= MOST_REUSE) {
    const rows: Awaited<ReturnType<typeof planRows>>[] = [];
    for (let position = tiles.position; position < tiles.position + tiles.rows; position++) {
      const continues = position > tiles.position ? position % refresh > 0 : (tiles.continues ?? false);
      const row = { position, rows: 1, tileRows: 1, continues };
      rows.push(
        await planRows(
          backend,
          reading,
          predictor,
          { kv, ...(chunks && { chunks }), ...(candidates && { candidates }) },
          row,
          queries,
        ),
      );
    }
    const { lists } = rows[0]!;
    return {
      lists,
      plan: Array.from({ length: lists }, (_, list) => rows.map(({ plan }) => plan[list]!)).flat(),
      attend: async () =>
        Float32Array.from((await Promise.all(rows.map(({ attend }) => attend()))).flatMap((row) => [...row])),
    };
  }
  const { shape, heads } = reading;
  const width = heads * shape.keyDim;
  const lists = predictor.needs.lists === 'kv-head' ? shape.kvHeads : 1;
  const from = tiles.position * width;
  const q = tensorOf(backend, tiles.rows, width, queries.slice(from, from + tiles.rows * width));
  const plan = backend.plan('plan', lists);
  const scale = 1 / Math.sqrt(shape.keyDim);
  const input = {
    layer: 0,
    tiles,
    q,
    kv,
    scale,
    ...(chunks && { chunks, scores: backend.scores('scores', lists) }),
    ...(candidates && { candidates }),
  };
  predictor.plan(backend, input, plan);
  const attend = (): Promise<Float32Array> => {
    const out = backend.tensor('out', tiles.rows, heads * shape.valueDim);
    backend.attend(out, q, kv, plan, { scale });
    return backend.read(out);
  };
  return { plan: (await backend.readPlan(plan)).map((row) => [...row]), attend, lists };
};

const queriesOf = ({ tokens, heads, shape }: Reading, seed = 3): Float32Array =>
  random(seed).normals(tokens * heads * shape.keyDim);

const sizeOf = (ranges: Range[]): number => ranges.reduce((n, [start, end]) => n + end - start, 0);

const holds = (ranges: Range[], token: number): boolean =>
  ranges.some(([start, end]) => token >= start && token < end);

/** Ascending, disjoint, touching only where lifts differ, not empty, causal, with the whole diagonal, within budget or forced set. */
const expectContract = (
  plan: Range[][],
  lists: number,
  tiles: Tiles,
  most: number,
  { lifts = false }: Pick<Method, 'lifts'>,
): void => {
  const count = tileCount(tiles);
  expect(plan.length).toBe(lists * count);
  plan.forEach((ranges, row) => {
    const end = tileEnd(tiles, row % count);
    let last = -1;
    for (const [start, stop] of ranges) {
      expect(start).toBeGreaterThan(lifts ? last - 1 : last);
      expect(stop).toBeGreaterThan(start);
      last = stop;
    }
    expect(last).toBe(end);
    expect(ranges.at(-1)![0]).toBeLessThanOrEqual(tileStart(tiles, row % count));
    // Sinks, local tokens, the tile, and an open chunk of up to 64 tokens of which a boundary is known 68 late.
    expect(sizeOf(ranges)).toBeLessThanOrEqual(Math.max(most, 4 + 8 + 64 + 64 + 69));
  });
};

const calls = (tokens: number): Tiles[] => [
  { position: 0, rows: tokens, tileRows: 64 },
  { position: Math.max(0, tokens - 70), rows: Math.min(tokens, 70), tileRows: 64 },
  { position: Math.max(0, tokens - 3), rows: Math.min(tokens, 3), tileRows: 1 },
];

const shapes: readonly ReadingOptions[] = [
  { tokens: 1, kvHeads: 1, group: 1 },
  { tokens: 63, group: 1, dim: 80 },
  { tokens: 65, kvHeads: 1, group: 8, dim: 96, keys: 'f16' },
  { tokens: 330, kvHeads: 2, group: 3, dim: 128 },
  { tokens: 260, kvHeads: 1, group: 2, dim: 256 },
];

/** For a GPU in software: both kinds of choice, one list and many, on shapes that are odd in more than one way. */
const fewMethods = methods.filter(({ label }) =>
  ['blocks, one list', 'dhsa', 'dhsa, refresh', 'quest'].includes(label),
);
const fewShapes: readonly ReadingOptions[] = [shapes[1]!, { tokens: 330, kvHeads: 2, group: 3, dim: 48 }];

/** What dense attention makes of a reading, on one backend. */
const known = new Map<string, Float32Array>();

const expectShare = (found: number, [least, most]: Share): void => {
  expect(found).toBeGreaterThanOrEqual(least);
  expect(found).toBeLessThanOrEqual(most);
};

/** Every row's or tile's one range is all that it can reach. */
const expectEverything = (plan: Range[][], lists: number, tiles: Tiles): void => {
  const count = plan.length / lists;
  const ends = Array.from({ length: count }, (_, t) =>
    count === tileCount(tiles) ? tileEnd(tiles, t) : tiles.position + t + 1,
  );
  const rows = ends.map((end) => [[0, end]]);
  expect(plan).toEqual(Array.from({ length: lists }, () => rows).flat());
};

/** What every predictor promises, whatever it chooses by. */
export const describePredictors = (
  name: string,
  make: () => Promise<Backend>,
  { few = false }: { readonly few?: boolean } = {},
): unknown =>
  describe.each(few ? fewMethods : methods)(`predictor $label: ${name}`, (method) => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close());

    const some = few || (method.slow && name === 'reference') ? fewShapes : shapes;
    // On a GPU in software: what shares candidates chooses by the kernels of what does not.
    const distinct = !few || method.label !== 'dhsa, refresh';

    test.runIf(distinct && !method.prunes).each(some)(
      'with a full budget it is dense attention: $tokens tokens of $dim',
      async (options) => {
        const reading = await createReading(options);
        const queries = queriesOf(reading);
        const full = createPredictor(method.options(reading.tokens));
        const dense = createPredictor({ method: 'dense' });
        // A GPU in software attends to all of a text once: to that of the shorter one.
        for (const tiles of calls(reading.tokens).slice(few && reading.tokens > 100 ? 1 : 0)) {
          const found = await planRows(
            backend,
            reading,
            full,
            openOnce(backend, reading, full),
            tiles,
            queries,
          );
          expectEverything(found.plan, found.lists, tiles);
          // What attention makes of a plan is the suite of pages'; here it is asked where that is quick.
          if (name === 'reference') continue;
          // The same for every method: found once.
          const which = `${name} ${JSON.stringify([options, tiles])}`;
          const wanted =
            known.get(which) ??
            (await (
              await planRows(backend, reading, dense, openOnce(backend, reading, dense), tiles, queries)
            ).attend());
          known.set(which, wanted);
          expectEqual(await found.attend(), wanted);
        }
      },
    );

    test.each(some)('plans keep the contract: $tokens tokens of $dim', async (options) => {
      const reading = await createReading(options);
      const queries = queriesOf(reading);
      for (const budget of [1, 33, 150, 300]) {
        const predictor = createPredictor(method.options(budget));
        const most = (rows: number): number => method.most?.(budget, reading.tokens, rows) ?? budget;
        for (const tiles of calls(reading.tokens)) {
          const opened = openOnce(backend, reading, predictor);
          const { plan, lists } = await planRows(backend, reading, predictor, opened, tiles, queries);
          expectContract(plan, lists, tiles, most(tiles.tileRows), method);
        }
      }
    });

    test.runIf(distinct)(
      'zero keys, equal keys and queries that are no numbers make a plan all the same',
      async () => {
        const edits: ((keys: Float32Array) => void)[] = [(k) => k.fill(0), (k) => k.fill(0.5)];
        for (const edit of edits) {
          const reading = await createReading({ tokens: 330, edit });
          for (const value of [0, 1, Number.NaN, Number.POSITIVE_INFINITY]) {
            const queries = queriesOf(reading).fill(value);
            const predictor = createPredictor(method.options(100));
            for (const tiles of calls(330)) {
              const opened = openOnce(backend, reading, predictor);
              const { plan, lists } = await planRows(backend, reading, predictor, opened, tiles, queries);
              const most = method.most?.(100, 330, tiles.tileRows) ?? 100;
              expectContract(plan, lists, tiles, most, method);
            }
          }
        }
      },
    );

    test('plans do not change when the text goes on, is cut anywhere, or its index comes from a store', async () => {
      const reading = await createReading({ tokens: 500 });
      const queries = queriesOf(reading);
      const predictor = createPredictor(method.options(120));
      const whole = open(backend, reading, predictor);
      const planAt = async (opened: Opened, tiles: Tiles): Promise<Range[][]> =>
        (await planRows(backend, reading, predictor, opened, tiles, queries)).plan;
      const lists = predictor.needs.lists === 'kv-head' ? reading.shape.kvHeads : 1;
      for (const tileRows of [64, 1]) {
        // Rows on both sides of the end of a page.
        const [position, until] = tileRows > 1 ? [0, 448] : few ? [376, 400] : [380, 448];
        const tiles = { position, rows: until - position, tileRows };
        const wanted = await planAt(whole, tiles);

        // Cut in calls, each of which sees the index as far as the text had been read; tiles of 64 stay whole.
        const growing = open(backend, reading, predictor, 0);
        const stops = tileRows > 1 ? [64, 256, 320, 448] : [position + 1, 384, 397, until];
        let at = position;
        const spans = createSpans(predictor.needs);
        spans.add(position || 380, false);
        spans.add(until, true);
        while (at < until) {
          const stop = stops.find((end) => end > at)!;
          extend(backend, growing, reading, stop);
          const call =
            tileRows === 1 ? spans.call(at, stop, 512) : { position: at, rows: stop - at, tileRows };
          const piece = await planAt(growing, call);
          for (let list = 0; list < lists; list++) {
            const first = (at - position) / tileRows;
            const from = list * tileCount(tiles) + first;
            const own = piece.slice(list * tileCount(call), (list + 1) * tileCount(call));
            expect(own).toEqual(wanted.slice(from, from + tileCount(call)));
          }
          at += call.rows;
        }

        if (whole.chunks && predictor.needs.chunks) {
          const { kvHeads, keyDim } = reading.shape;
          const restored = backend.chunkIndex('restored', {
            ...predictor.needs.chunks,
            layers: 1,
            kvHeads,
            keyDim,
          });
          for (const [from, to] of [
            [0, 2],
            [2, 5],
          ] as const) {
            backend.writeChunks(restored, from, to, await backend.readChunks(whole.chunks, from, to));
          }
          const opened = { ...whole, chunks: restored };
          extend(backend, opened, reading, 500);
          expect(await planAt(opened, tiles)).toEqual(wanted);
          // Truncated in the middle and read again.
          extend(backend, opened, reading, 201);
          extend(backend, opened, reading, 470);
          expect(await planAt(opened, tiles)).toEqual(wanted);
        }
      }
    });

    test.runIf(distinct && !method.prunes)('a larger budget reads all that a smaller one reads', async () => {
      const reading = await createReading({ tokens: 700 });
      const queries = queriesOf(reading);
      for (const tiles of [
        { position: 570, rows: 130, tileRows: 64 },
        { position: 690, rows: 10, tileRows: 1 },
      ]) {
        let before: Range[][] | undefined;
        for (const budget of [1, 150, 151, 200, 260, 400, 699, 700]) {
          const options = method.options(budget);
          // Between two stages the promise is the second one's: all is candidate.
          const exhaustive = options.method === 'dhsa' ? { ...options, candidates: 64 } : options;
          if (exhaustive.method === 'dhsa' && budget * 64 < 700) continue;
          const predictor = createPredictor(exhaustive);
          const opened = openOnce(backend, reading, predictor);
          const { plan } = await planRows(backend, reading, predictor, opened, tiles, queries);
          plan.forEach((ranges, row) => {
            for (const [start, end] of before?.[row] ?? []) {
              // In one range, or in several that touch.
              for (let token = start; token < end; token++) expect(holds(ranges, token)).toBe(true);
            }
          });
          before = plan;
        }
      }
    });

    test('a planted block is found by what looks, and not by what does not', async () => {
      const { recall, blind } = await plant(backend, method, 32);
      expectShare(recall, method.finds.runs);
      expect(blind).toBeLessThan(0.5);
    });

    test('a planted token is found by the second stage where means lose it', async () => {
      const { recall } = await plant(backend, method, 1);
      expectShare(recall, method.finds.tokens);
    });
  });

/** What relates one method to another. */
export const describeRelations = (name: string, make: () => Promise<Backend>): unknown =>
  describe(`predictors beside each other: ${name}`, () => {
    test('every method there is runs the suite', () => {
      const tried = new Set(methods.map(({ options }) => options(100).method));
      // Its file is for heads of one shape: test/conformance/seer.test.ts.
      tried.add('seer');
      expect([...tried].sort()).toEqual(Object.keys(predictors).sort());
    });

    test('in prefill, DHSA with fixed chunks is block-sparse attention', async () => {
      const backend = await make();
      const reading = await createReading({ tokens: 700 });
      const tiles = { position: 320, rows: 380, tileRows: 64 };
      const shared = { budget: 300, sinks: 4, local: 8 };
      const plans = await Promise.all(
        [
          { method: 'dhsa', boundaries: 'fixed', ...shared } as const,
          { method: 'blocks', size: 32, ...shared } as const,
        ].map(async (options) => {
          const predictor = createPredictor(options);
          const opened = openOnce(backend, reading, predictor);
          return (await planRows(backend, reading, predictor, opened, tiles, queriesOf(reading))).plan;
        }),
      );
      expect(plans[0]).toEqual(plans[1]);
      expect(plans[0]!.some((ranges) => ranges.length > 3)).toBe(true);
      backend.close();
    });
  });

const TOKENS = 2048;

/**
 * Share of planted tokens that are read at 1/8 density. `length` 32: a run of keys points along the queries of one
 * tile; 1: one key along one row's query. Keys elsewhere are topical, so that whole chunks point somewhere by chance.
 * `blind`: the same count with the needles where no query looks.
 */
const plant = async (
  backend: Backend,
  method: Method,
  length: 1 | 32,
): Promise<{ recall: number; blind: number }> => {
  const numbers = random(99);
  const [kvHeads, group, dim] = [2, 2, 64];
  const tileRows = length === 1 ? 1 : 64;
  const rows = length === 1 ? 16 : 128;
  const call: Tiles = { position: TOKENS - rows, rows, tileRows };
  const count = tileCount(call);
  // One direction per tile and KV head, shared by the heads of its group.
  const directions = numbers.normals(count * kvHeads * dim);
  const places = Array.from({ length: count }, (_, tile) => 96 + 32 * Math.floor((46 / count) * tile));
  const reading = await createReading({
    tokens: TOKENS,
    kvHeads,
    group,
    dim,
    edit(keys) {
      places.forEach((place, tile) => {
        for (let token = place; token < place + length; token++) {
          for (let c = 0; c < kvHeads * dim; c++) {
            const along = directions[tile * kvHeads * dim + c]!;
            keys[token * kvHeads * dim + c] = (length === 1 ? 2.5 : 2) * along + 0.1 * numbers.normal();
          }
        }
      });
    },
  });
  // A run is a sentence of its own, so that every kind of boundary can hold it.
  if (length > 1) for (const place of places) reading.marks[place - 1] = reading.marks[place + 31] = 1;
  const queries = new Float32Array(TOKENS * kvHeads * group * dim);
  for (let row = 0; row < call.rows; row++) {
    const tile = Math.floor(row / tileRows);
    for (let head = 0; head < kvHeads * group; head++) {
      for (let c = 0; c < dim; c++) {
        const along = directions[(tile * kvHeads + Math.floor(head / group)) * dim + c]!;
        queries[((call.position + row) * kvHeads * group + head) * dim + c] = along + 0.1 * numbers.normal();
      }
    }
  }
  const predictor = createPredictor(method.options(TOKENS / 8));
  const { plan, lists } = await planRows(
    backend,
    reading,
    predictor,
    openOnce(backend, reading, predictor),
    call,
    queries,
  );
  // A boundary keeps its distance from others, so that it may fall up to 8 tokens inside a run.
  const edge = length === 1 ? 0 : 8;
  const planted = lists * count * (length - 2 * edge);
  let found = 0;
  let strays = 0;
  for (let list = 0; list < lists; list++) {
    places.forEach((place, tile) => {
      const ranges = plan[list * count + tile]!;
      const stray = plan[list * count + ((tile + 1) % count)]!;
      for (let token = place + edge; token < place + length - edge; token++) {
        if (holds(ranges, token)) found++;
        if (holds(stray, token)) strays++;
      }
    });
  }
  const all = method.most?.(TOKENS / 8, TOKENS, tileRows) === TOKENS && found === planted;
  return { recall: found / planted, blind: all ? 0 : strays / planted };
};
