/**
 * Where the time of reading and answering goes: calls of every kernel, matrix products by shape, and what is left for
 * JavaScript. One thread, in Node (SIMD128) or in Chromium (relaxed SIMD):
 * `node bench/run.mjs profile [--chromium] [--type Q4_0] [--tokens 512] [--method dense]`
 */
import { parseArgs } from 'node:util';
import type { SupportedType } from '../src/weights/tensor-types.js';
import { openPage } from './browser.js';
import { makeModel } from './make-model.js';

const { values: options } = parseArgs({
  options: {
    chromium: { type: 'boolean', default: false },
    shape: { type: 'string', default: 'smollm2-135m' },
    type: { type: 'string', default: 'Q8_0' },
    tokens: { type: 'string', default: '512' },
    method: { type: 'string', default: 'dense' },
    repeats: { type: 'string', default: '3' },
    answer: { type: 'string', default: '24' },
  },
});

interface Input {
  readonly engine: string;
  readonly model: string;
  readonly tokens: number;
  readonly method: string;
  readonly repeats: number;
  readonly answer: number;
}
interface Share {
  milliseconds: number;
  calls: number;
}
interface Phase {
  readonly tokens: number;
  readonly milliseconds: number;
  readonly kernels: Record<string, Share>;
}

/** Runs in Node or in a page: uses nothing from outside itself. The best run of several of each phase. */
const profile = async ({
  engine,
  model: source,
  tokens,
  method,
  repeats,
  answer,
}: Input): Promise<Phase[]> => {
  let kernels: Record<string, Share> = {};
  const instantiate = WebAssembly.instantiate;
  const timed = (name: string, run: (...args: number[]) => number) => {
    const byShape = name.startsWith('matmul');
    return (...args: number[]): number => {
      const start = performance.now();
      const result = run(...args);
      const key = byShape ? `${name} ${args[4]}×${args[5]}` : name;
      kernels[key] ??= { milliseconds: 0, calls: 0 };
      const share = kernels[key];
      share.milliseconds += performance.now() - start;
      share.calls += 1;
      return result;
    };
  };
  // The engine's own kernels, each with a clock around it.
  WebAssembly.instantiate = (async (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
    const made = (await instantiate(module, imports)) as unknown as WebAssembly.Instance;
    if (!('exports' in made)) return made;
    const entries = Object.entries(made.exports as Record<string, (...args: number[]) => number>);
    return {
      exports: Object.fromEntries(
        entries.map(([name, run]) => [name, typeof run === 'function' ? timed(name, run) : run]),
      ),
    };
  }) as unknown as typeof WebAssembly.instantiate;
  const { load } = await import(engine);
  const model = await load(source, { threads: 1, attention: { method }, kv: { store: 'none' } });
  WebAssembly.instantiate = instantiate;
  const ids = Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919) % 40_000));
  const best: (Phase | undefined)[] = [];
  const run = async (phase: number, count: number, work: () => Promise<unknown>): Promise<void> => {
    kernels = {};
    const start = performance.now();
    await work();
    const milliseconds = performance.now() - start;
    const least = best[phase];
    if (!least || milliseconds < least.milliseconds) best[phase] = { tokens: count, milliseconds, kernels };
  };
  for (let repeat = 0; repeat < repeats; repeat++) {
    const context = await model.context();
    await run(0, tokens, () => context.append(ids));
    await context.generate({ maxTokens: 2, ignoreStops: true });
    await run(1, answer, () => context.generate({ maxTokens: answer, ignoreStops: true }));
    await context.close();
  }
  await model.close();
  return best as Phase[];
};

const path = makeModel(options.shape, options.type as SupportedType);
const input: Omit<Input, 'engine' | 'model'> = {
  tokens: Number(options.tokens),
  method: options.method,
  repeats: Number(options.repeats),
  answer: Number(options.answer),
};
const measure = async (): Promise<Phase[]> => {
  if (!options.chromium) {
    return profile({ ...input, engine: new URL('engine.js', import.meta.url).href, model: path });
  }
  const { page, address, close } = await openPage();
  try {
    return await page.evaluate(profile, {
      ...input,
      engine: `${address}dist/engine.js`,
      model: address + path,
    });
  } finally {
    await close();
  }
};

const where = options.chromium ? 'Chromium, relaxed' : `Node ${process.version}, SIMD128`;
for (const [i, { tokens, milliseconds, kernels }] of (await measure()).entries()) {
  const inKernels = Object.values(kernels).reduce((sum, share) => sum + share.milliseconds, 0);
  const line = (name: string, spent: number, calls: number | string): string =>
    `| ${name} | ${spent.toFixed(1)} | ${((100 * spent) / milliseconds).toFixed(1)} % | ${calls} |`;
  console.log(
    [
      `\n### ${i === 0 ? `Reading ${tokens}` : `Answering ${tokens} after ${options.tokens}`}, ${options.shape} ${options.type}, ${options.method}, ${where}: ${((1000 * tokens) / milliseconds).toFixed(0)} tokens/s`,
      '| kernel | ms | share | calls |',
      '|---|---:|---:|---:|',
      ...Object.entries(kernels)
        .sort(([, a], [, b]) => b.milliseconds - a.milliseconds)
        .map(([name, share]) => line(name, share.milliseconds, share.calls)),
      line('JavaScript', milliseconds - inKernels, ''),
    ].join('\n'),
  );
}
