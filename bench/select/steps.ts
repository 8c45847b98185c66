/** Whole decode steps behind keys that were not read but made up. Runs in Node and in a worker. */
import type { Backend } from '../../src/backends/backend.js';
import { openModel } from '../../src/engine/open-model.js';
import { forward, stateOf } from '../../src/generate/reader.js';
import type { AttentionOptions } from '../../src/predictors/index.js';

export interface StepsInput {
  readonly model: string;
  /** The folder of the kernels, and the script of a thread. */
  readonly kernels: string;
  readonly thread: string;
  readonly threads: number;
  readonly attention: AttentionOptions;
  readonly lengths: readonly number[];
  readonly steps: number;
}

/** Milliseconds of a whole step, and of its verbs: the least of every call over all steps. */
export interface StepsMark {
  readonly tokens: number;
  readonly step: number;
  readonly verbs: Readonly<Record<string, number>>;
}

const PAGE = 64;

export const measureSteps = async (input: StepsInput): Promise<StepsMark[]> => {
  const { threads, attention, lengths, steps } = input;
  const opened = await openModel(
    input.model,
    {
      threads,
      attention,
      kv: { store: 'none', memory: '3GB' },
      kernelsUrl: input.kernels,
      threadUrl: input.thread,
      maxTokens: 40_000,
    },
    new AbortController().signal,
    () => {},
  );
  const { config } = opened.reader;
  const { backend } = opened.reader;
  const tokens: number[] = [];
  const state = stateOf(opened.reader, tokens, undefined);
  const width = config.kvHeads * config.headDim;
  const page = backend.tensor('k', PAGE, width);
  const topic = new Float32Array(width);
  let seed = 1;
  const uniform = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;

  let call = 0;
  let least: number[] = [];
  let names: string[] = [];
  const timed = new Proxy(backend, {
    get: (target, verb: keyof Backend) => {
      const own = target[verb];
      if (typeof own !== 'function') return own;
      return (...args: unknown[]) => {
        const start = performance.now();
        const result = (own as (...all: unknown[]) => unknown)(...args);
        const ms = performance.now() - start;
        names[call] = verb === 'scoreChunks' ? `score ${(args[5] as { planes: number }).planes}` : verb;
        least[call] = Math.min(ms, least[call] ?? ms);
        call++;
        return result;
      };
    },
  });

  const marks: StepsMark[] = [];
  let position = 0;
  for (const length of lengths) {
    for (const kv of state.layers) backend.mapPages(kv, length / PAGE);
    for (; position < length; position += PAGE) {
      const rows = new Float32Array(PAGE * width);
      for (let row = 0; row < PAGE; row++) {
        if (uniform() < 1 / 16) for (let c = 0; c < width; c++) topic[c] = 3 * uniform();
        for (let c = 0; c < width; c++) rows[row * width + c] = topic[c]! + uniform();
      }
      backend.upload(page, rows);
      for (const kv of state.layers) backend.appendKv(kv, page, page, position);
    }
    state.layers.forEach((_, layer) => {
      state.index(layer, length);
    });
    const measure = async (how: Backend): Promise<number> => {
      let best = Number.POSITIVE_INFINITY;
      for (let step = 0; step < steps; step++) {
        call = 0;
        const tiles = { position: length + (step % 32), rows: 1, tileRows: 1, continues: false };
        const start = performance.now();
        await forward({ ...opened.reader, backend: how }, state, [1000 + step * 7], tiles, 'all');
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    await measure(backend);
    least = [];
    names = [];
    const step = await measure(backend);
    await measure(timed);
    const verbs: Record<string, number> = {};
    // Products wait for one another: what they take is in the verb that follows.
    for (const [i, ms] of least.entries()) {
      const name = names[i]!;
      verbs[name] = (verbs[name] ?? 0) + ms;
    }
    state.cutTo(length);
    marks.push({ tokens: length, step, verbs });
  }
  await opened.close();
  return marks;
};
