/** Beside wllama in the same Chromium, at the fastest of the configurations tried. */
import { makeModel } from '../make-model.js';
import { type Goal, least, type Results, table, times } from './goal.js';
import { openOurs } from './ours.js';
import { openPlace, type Place } from './place.js';
import { TYPES } from './yardsticks.js';

/** A configuration: package, build and what is passed when a model is loaded. */
interface Configuration {
  readonly name: string;
  /** Folder in bench/node_modules. */
  readonly folder: string;
  /** The 32-bit build of version 3, which keeps its worker beside it; the default is 64-bit. */
  readonly compat?: boolean;
  readonly load?: Readonly<Record<string, number | boolean | string>>;
}

const THIRD = { folder: 'wllama-3' };
const SECOND = { folder: 'wllama-2' };
const CONFIGURATIONS: readonly Configuration[] = [
  { ...THIRD, name: '3.8.1, 64-bit memory' },
  { ...THIRD, name: '3.8.1, 64-bit memory, flash attention', load: { flash_attn: true } },
  { ...THIRD, name: '3.8.1, 64-bit memory, no flash attention', load: { flash_attn: false } },
  { ...THIRD, name: '3.8.1, 64-bit memory, batches of 64', load: { n_batch: 64, n_ubatch: 64 } },
  { ...THIRD, name: '3.8.1, 64-bit memory, batches of 8', load: { n_batch: 8, n_ubatch: 8 } },
  { ...THIRD, name: '3.8.1, 32-bit memory (compat build)', compat: true },
  { ...SECOND, name: '2.4.0, 32-bit memory' },
  { ...SECOND, name: '2.4.0, batches of 64', load: { n_batch: 64 } },
  { ...SECOND, name: '2.4.0, flash attention', load: { flash_attn: true } },
  { folder: 'wllama-2-3', name: '2.3.7, 32-bit memory' },
];
const THREADS = [1, 2] as const;

export interface WllamaInput {
  readonly root: string;
  readonly model: string;
  readonly folder: string;
  readonly compat: boolean;
  readonly load: Readonly<Record<string, number | boolean | string>>;
  readonly tokens: number;
  readonly answer: number;
  readonly samples: number;
  /** Whether it is to be found out what computed. */
  readonly listens?: boolean;
}
export interface Speed {
  readonly read: number;
  readonly answer: number;
  readonly onGpu?: boolean;
}

/** Runs in a page: uses nothing from outside itself. Tokens a second, the best of the samples. */
export const timeWllama = async (input: WllamaInput): Promise<Speed> => {
  const { root, model, folder, compat, load, tokens, answer, samples } = input;
  const esm = `${root}${folder}/esm/`;
  const { Wllama, LoggerWithoutDebug } = await import(`${esm}index.js`);
  const third = folder === 'wllama-3';
  const paths = third
    ? { default: `${esm}wasm/wllama.wasm` }
    : {
        'single-thread/wllama.wasm': `${esm}single-thread/wllama.wasm`,
        'multi-thread/wllama.wasm': `${esm}multi-thread/wllama.wasm`,
      };
  // Only its log tells what it computes on.
  const said: string[] = [];
  const note = (...words: unknown[]): void => void said.push(words.join(' '));
  const listening = { suppressNativeLog: false, logger: { debug: note, log: note, warn: note, error: note } };
  const silent = { suppressNativeLog: true, logger: LoggerWithoutDebug };
  const wllama = new Wllama(paths, input.listens ? listening : silent);
  if (compat) {
    // It would take this build only where the browser cannot run the other.
    const wasm = `${root}wllama-3-compat/wasm/`;
    const build = { wasmPath: `${wasm}wllama.wasm`, jsPath: `${wasm}wllama.js`, compat: true };
    wllama.getWorkerResources = () => ({ ...build, noWebGPU: true });
  }
  const blob = await (await fetch(model)).blob();
  const context = { n_ctx: tokens + answer + 64, n_gpu_layers: 0, n_parallel: 1, warmup: false };
  await wllama.loadModel([blob], { ...context, ...load });
  const best = { read: 0, answer: 0 };
  for (let sample = 0; sample < samples; sample++) {
    if (third) {
      // This version takes text only: digits, which are a token each. It reports its own times.
      const prompt = Array.from({ length: tokens }, (_, i) => (i * 7 + sample * 3) % 10).join('');
      const asked = { prompt, max_tokens: answer, temperature: 0, cache_prompt: false, ignore_eos: true };
      const { timings } = await wllama.createCompletion(asked);
      if (timings.prompt_n !== tokens)
        throw new Error(`wllama read ${timings.prompt_n} of ${tokens} tokens.`);
      best.read = Math.max(best.read, timings.prompt_per_second);
      best.answer = Math.max(best.answer, timings.predicted_per_second);
      continue;
    }
    await wllama.kvClear();
    await wllama.samplingInit({ temp: 0 });
    const ids = Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919) % 40_000));
    const started = performance.now();
    await wllama.decode(ids, {});
    await wllama.samplingSample();
    best.read = Math.max(best.read, (1000 * tokens) / (performance.now() - started));
    const again = performance.now();
    for (let i = 0; i < answer; i++) {
      await wllama.decode([2000 + i], {});
      await wllama.samplingSample();
    }
    if (answer > 0) best.answer = Math.max(best.answer, (1000 * answer) / (performance.now() - again));
  }
  await wllama.exit();
  return input.listens ? { ...best, onGpu: said.some((line) => /webgpu.*buffer size/i.test(line)) } : best;
};

const measure = async (
  { folder, compat = false, load = {} }: Configuration,
  [path, threads, tokens, answer, samples]: [string, number, number, number, number],
  place: Place,
): Promise<Speed> => {
  const root = place.at('bench/node_modules/');
  const settings = { root, folder, compat, load: { ...load, n_threads: threads } };
  return place.call(timeWllama, { ...settings, model: place.at(path), tokens, answer, samples });
};

/** In a page of its own: a model that was too much for it takes only that page along. */
const alone = async <T>(work: (place: Place) => Promise<T>, seconds = 300): Promise<T> => {
  const place = await openPlace('Chromium');
  let limit: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`it took longer than ${seconds} s`);
    limit = setTimeout(() => reject(error), seconds * 1000);
  });
  try {
    return await Promise.race([work(place), late]);
  } finally {
    clearTimeout(limit);
    await place.close();
  }
};

type Found = Speed | { readonly error: string };

/** Every configuration, briefly. */
const tryAll = async (
  results: Results,
  quick: boolean,
  [type, path]: readonly [string, string],
  configurations: readonly Configuration[],
) => {
  const tokens = quick ? 32 : 64;
  const tried: { configuration: Configuration; threads: number; found: Found }[] = [];
  for (const threads of THREADS) {
    for (const configuration of configurations) {
      const key = `${type}, ${configuration.name}, ${threads} threads, ${tokens} tokens`;
      const found = await results.row(
        key,
        (): Promise<Found> =>
          alone((place) => measure(configuration, [path, threads, tokens, 8, 1], place), 60).catch(
            (error: Error) => ({ error: error.message.split('\n')[0]!.slice(0, 80) }),
          ),
      );
      tried.push({ configuration, threads, found });
    }
  }
  return tried;
};

const worked = (found: Found): found is Speed => 'read' in found;

/** The three fastest with each number of threads, in reading and in answering. */
const bestOf = (tried: Awaited<ReturnType<typeof tryAll>>): Set<Configuration> => {
  const best = new Set<Configuration>();
  for (const threads of THREADS) {
    const mine = tried.flatMap(({ configuration, threads: used, found }) =>
      used === threads && worked(found) ? [{ configuration, found }] : [],
    );
    for (const pick of ['read', 'answer'] as const) {
      const order = [...mine].sort((a, b) => b.found[pick] - a.found[pick]);
      for (const { configuration } of order.slice(0, 3)) best.add(configuration);
    }
  }
  return best;
};

export const wllama: Goal = {
  name: 'wllama',
  about: 'wllama in the same Chromium, at the fastest of the configurations tried',

  async measure(results, { quick, shape }) {
    const [tokens, answer, samples] = quick ? [64, 4, 1] : [512, 16, 1];
    const rows: string[][] = [];
    const triedRows: string[][] = [];
    let candidates = quick ? CONFIGURATIONS.slice(0, 1) : CONFIGURATIONS;
    for (const type of TYPES) {
      const path = makeModel(shape, type);
      const tried = await tryAll(results, quick, [type, path], candidates);
      // The next type is tried with those that were among the best of the first.
      candidates = candidates.filter((one) => bestOf(tried).has(one));
      for (const { configuration, threads, found } of tried) {
        const cells = worked(found)
          ? [found.read.toFixed(1), found.answer.toFixed(1)]
          : [`fails: ${found.error}`, ''];
        triedRows.push([`${configuration.name}, ${type}, ${threads}`, ...cells]);
      }
      for (const threads of THREADS) {
        const mine = tried.flatMap(({ configuration, threads: used, found }) =>
          used === threads && worked(found) ? [{ configuration, found }] : [],
        );
        const fastest = (pick: (speed: Speed) => number) =>
          [...mine].sort((a, b) => pick(b.found) - pick(a.found))[0]!.configuration;
        const chosen = [...new Set([fastest(({ read }) => read), fastest((speed) => speed.answer)])];
        const key = `${type}, ${threads} threads, ${tokens} tokens`;
        const both = await results.row(key, async () => {
          const peer: Speed[] = [];
          for (const configuration of chosen) {
            const size: [string, number, number, number, number] = [path, threads, tokens, answer, samples];
            peer.push(await alone((place) => measure(configuration, size, place)));
          }
          const ours = await alone(async (place) => {
            const opened = await openOurs(place, path, { threads, attention: { method: 'dense' } });
            const found = [];
            for (let i = 0; i < 3; i++) found.push(await opened.sample(tokens, answer));
            return {
              read: tokens / least(found.map(({ read }) => read)),
              answer: answer / least(found.map((sample) => sample.answer)),
            };
          });
          const best = {
            read: Math.max(...peer.map(({ read }) => read)),
            answer: Math.max(...peer.map((speed) => speed.answer)),
          };
          return { names: chosen.map(({ name }) => name), peer: best, ours };
        });
        const { names, peer, ours } = both;
        rows.push([
          `${type}, ${threads}`,
          ...[ours.read.toFixed(0), peer.read.toFixed(1), times(ours.read / peer.read)],
          ...[ours.answer.toFixed(1), peer.answer.toFixed(1), times(ours.answer / peer.answer)],
          names.join('; '),
        ]);
      }
    }
    return [
      ...table(
        [
          ...['type, threads', `reading ${tokens}, tokens/s`, 'wllama', 'ratio', 'answering, tokens/s'],
          ...['wllama', 'ratio', 'its fastest configurations'],
        ],
        rows,
      ),
      'Configurations tried (short runs):',
      '',
      ...table(['configuration, type, threads', 'reading, tokens/s', 'answering, tokens/s'], triedRows),
    ];
  },
};

/** Half an hour at worst, for a number that changes little: once is enough. */
const HALF_AN_HOUR = 1800;

export const wllamaLong: Goal = {
  name: 'wllama-8k',
  about: 'wllama reading 8k tokens, beside DHSA at a budget of 2048',

  async measure(results, { quick, shape }) {
    const tokens = quick ? 128 : 8192;
    const path = makeModel(shape, 'Q8_0', { window: 16_384 });
    const [configuration] = CONFIGURATIONS;
    const found = await results.row(`Q8_0, 1 thread, ${tokens} tokens`, async () => {
      const ours = await alone(async (place) => {
        const attention = { method: 'dhsa', budget: 2048 } as const;
        const opened = await openOurs(place, path, { threads: 1, attention });
        return opened.sample(tokens, 0);
      }, HALF_AN_HOUR);
      const peer = await alone(
        (place) => measure(configuration!, [path, 1, tokens, 1, 1], place),
        HALF_AN_HOUR,
      );
      return { ours: tokens / ours.read, peer: peer.read };
    });
    return table(
      [`reading ${tokens}, Q8_0, 1 thread`, 'tokens/s', 'ratio'],
      [
        [`wllama ${configuration!.name}`, found.peer.toFixed(1), ''],
        ['Longhand, dhsa 2048', found.ours.toFixed(0), times(found.ours / found.peer)],
      ],
    );
  },
};
