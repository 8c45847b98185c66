/** Answering with memory for a quarter of the pages: what a step names, finds and fetches, and what that costs. */
import type { EngineOptions } from '../../src/engine/options.js';
import type { Model } from '../../src/loaded-model.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { makeModel } from '../make-model.js';
import { type Goal, least, percent, table, times } from './goal.js';
import { openPlace, type Place } from './place.js';

const THREADS = 2;
/** Steps that are not timed: what was read last is not what an answer reads. */
const WARM = 16;

const BUNDLED = 'examples/models/book-reader-5m-Q8_0.gguf';
const ATTENTION: Readonly<Record<string, AttentionOptions>> = {
  'one list, every 8 tokens': { method: 'dhsa', lists: 'layer', reuse: 8, budget: 1024 },
  default: { method: 'auto' },
};

interface Input {
  readonly engine: string;
  readonly model: string;
  readonly options: EngineOptions;
  readonly book: string;
  readonly tokens: number;
  readonly answer: number;
  readonly samples: number;
}

interface Answered {
  /** Milliseconds a step, sample by sample. */
  readonly steps: readonly number[];
  readonly ids: readonly number[];
  /** Of a step, on average over all samples. */
  readonly touched: number;
  readonly missed: number;
  readonly ahead: number;
  readonly bytes: number;
  /** Bytes that were held in all, those of pages among them, and those that were promised. */
  readonly used: number;
  readonly pages: number;
  readonly budget: number;
  readonly reused: number;
}

/** Uses nothing from outside itself. */
const answer = async (input: Input & { readonly warm: number }): Promise<Answered> => {
  const { load } = await import(input.engine);
  const model: Model = await load(input.model, input.options);
  try {
    const book = (await (await fetch(input.book)).text()).slice(0, input.tokens * 6);
    const context = await model.context();
    await context.append((await model.tokenize(book)).slice(0, input.tokens));
    const say = (maxTokens: number): Promise<number[]> =>
      context.generate({ maxTokens, temperature: 0, ignoreStops: true });
    const ids = await say(input.warm);
    const start = await context.stats();
    const steps: number[] = [];
    for (let sample = 0; sample < input.samples; sample++) {
      const before = performance.now();
      ids.push(...(await say(input.answer)));
      steps.push((performance.now() - before) / input.answer);
    }
    const end = await context.stats();
    const calls = input.answer * input.samples;
    const each = (of: 'touched' | 'missed' | 'ahead' | 'bytes'): number =>
      (end.paging[of] - start.paging[of]) / calls;
    const found = {
      ...{ steps, ids, touched: each('touched'), missed: each('missed'), ahead: each('ahead') },
      ...{ bytes: each('bytes'), used: end.memory.used, pages: end.bytes.pages, budget: end.memory.budget },
      reused: end.reusedTokens,
    };
    await context.close();
    return found;
  } finally {
    await model.close();
  }
};

interface Pair {
  readonly resident: Answered;
  readonly quarter: Answered;
}

const measure = async (
  place: Place,
  path: string,
  attention: AttentionOptions,
  store: 'idb' | 'opfs',
  database: string,
  effort: Pick<Input, 'tokens' | 'answer' | 'samples'>,
): Promise<Pair> => {
  const visit = (memory: number | string): Promise<Answered> =>
    place.call(answer, {
      ...{ engine: place.engine, model: place.at(path), book: place.at('examples/books/sherlock.txt') },
      ...{ ...effort, warm: WARM },
      options: { threads: THREADS, attention, maxTokens: 20_000, kv: { store, database, memory } },
    });
  const resident = await visit('4GB');
  // What is kept to choose among pages stays: only pages are fewer.
  const quarter = await visit(Math.ceil(resident.used - (resident.pages * 3) / 4));
  if (resident.ids.join() !== quarter.ids.join())
    throw new Error('With a quarter of the pages the answer is another one.');
  return { resident, quarter };
};

export const paging: Goal = {
  name: 'paging',
  about: 'answering behind 16k tokens with memory for a quarter of the pages, beside all of them',

  async measure(results, { quick, shape }) {
    const effort = quick
      ? { tokens: 4096, answer: 16, samples: 2 }
      : { tokens: 16_384, answer: 64, samples: 3 };
    const models = { bundled: BUNDLED, [shape]: makeModel(shape, 'Q8_0', { window: 40_000 }) };
    const rows: (string | number)[][] = [];
    for (const [model, path] of Object.entries(models)) {
      for (const store of ['idb', 'opfs'] as const) {
        for (const [name, attention] of Object.entries(ATTENTION)) {
          const { resident, quarter } = await results.row(`${model}, ${store}, ${name}`, async () => {
            const place = await openPlace('Chromium', { keeps: true });
            try {
              return await measure(place, path, attention, store, 'paging', effort);
            } finally {
              await place.close();
            }
          });
          const [all, few] = [least(resident.steps), least(quarter.steps)];
          rows.push([
            `${model}, ${store}, ${name}`,
            (1000 / all).toFixed(1),
            (1000 / few).toFixed(1),
            times(all / few),
            quarter.touched.toFixed(0),
            percent(1 - quarter.missed / quarter.touched),
            quarter.ahead.toFixed(1),
            Math.round(quarter.bytes / 1024),
          ]);
        }
      }
    }
    return [
      ...table(
        [
          'model, store, attention',
          'all pages, tokens/s',
          'a quarter, tokens/s',
          'ratio',
          'pages named a step',
          'found in memory',
          'fetched ahead',
          'KB fetched a step',
        ],
        rows,
      ),
      `Chromium, ${effort.tokens} tokens, ${THREADS} threads, a profile on the disk. The best of ${effort.samples} runs of ${effort.answer} tokens; the answers are equal.`,
      '',
    ];
  },
};
