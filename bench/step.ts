/**
 * One step of an answer, call by call, beside the same matrix products with nothing around them, in turns: the least of
 * every call over all steps, so that what other programs take does not count. SmolLM2-135M shape, one thread, Chromium:
 * `node bench/run.mjs step [--type Q4_0] [--rounds 60]`
 */
import { parseArgs } from 'node:util';
import type { SupportedType } from '../src/weights/tensor-types.js';
import { SHAPES } from '../test/support/shape-model.js';
import { openPage } from './browser.js';
import { blockBytes, matricesOf } from './goals/rates.js';
import { makeModel } from './make-model.js';

const { values: options } = parseArgs({
  options: { type: { type: 'string', default: 'Q4_0' }, rounds: { type: 'string', default: '60' } },
});

interface Input {
  readonly engine: string;
  readonly source: string;
  readonly kernels: string;
  readonly type: string;
  readonly block: number;
  readonly matrices: readonly { readonly n: number; readonly k: number; readonly times: number }[];
  readonly rounds: number;
}

/** Milliseconds: of the bare products, of those in the engine, and of the engine's other kernels. Runs in a page. */
const measure = async ({ engine, source, kernels, type, block, matrices, rounds }: Input) => {
  let calls: [name: string, from: number, to: number][] = [];
  const instantiate = WebAssembly.instantiate;
  const timed =
    (name: string, run: (...args: number[]) => number) =>
    (...args: number[]): number => {
      const from = performance.now();
      const result = run(...args);
      calls.push([name, from, performance.now()]);
      return result;
    };
  WebAssembly.instantiate = (async (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
    const { exports } = (await instantiate(module, imports)) as unknown as WebAssembly.Instance;
    const entries = Object.entries(exports as Record<string, (...args: number[]) => number>);
    return {
      exports: Object.fromEntries(
        entries.map(([name, run]) => [name, typeof run === 'function' ? timed(name, run) : run]),
      ),
    };
  }) as unknown as typeof WebAssembly.instantiate;
  const { load } = await import(engine);
  const model = await load(source, { threads: 1, attention: { method: 'dense' }, kv: { store: 'none' } });
  WebAssembly.instantiate = instantiate;
  const context = await model.context();
  await context.append(Array.from({ length: 64 }, (_, i) => 1000 + i * 7));

  const bytesOf = (n: number, k: number): number => ((n + 15) >> 4) * 16 * (k / 32) * block;
  const total = matrices.reduce((sum, { n, k, times }) => sum + bytesOf(n, k) * times, 0);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  const bytes = await (await fetch(kernels)).arrayBuffer();
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort() {} } });
  const bare = instance.exports as Record<string, (...args: number[]) => number>;
  const [x, panels, out, weights] = [1 << 20, 2 << 20, 3 << 20, 4 << 20];
  memory.grow(Math.ceil((weights + total) / 65_536));
  new Uint8Array(memory.buffer, weights, total).fill(0x2c);
  const least: Record<string, number[]> = { bare: [], kernels: [] };
  const note = (what: string, at: number, spent: number): void => {
    least[what]![at] = Math.min(least[what]![at] ?? spent, spent);
  };
  const pass = (): void => {
    let [at, call] = [weights, 0];
    for (const { n, k, times } of matrices) {
      bare.panelsQ8!(panels, x, 1, k);
      for (let time = 0; time < times; time++, at += bytesOf(n, k)) {
        const from = performance.now();
        bare[`matmul${type}`]!(out, panels, at, 1, n, k, 0, 0, Math.ceil(n / 16), 0);
        note('bare', call++, performance.now() - from);
      }
    }
  };
  let names: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 6; i++) pass();
    for (let i = 0; i < 6; i++) {
      calls = [];
      await context.generate({ maxTokens: 1, ignoreStops: true });
      const found = calls.map(([name]) => name);
      if (names.length === 0) names = found;
      // Another page begins now and then, with calls of its own.
      if (found.join() !== names.join()) continue;
      calls.forEach(([, from, to], call) => {
        note('kernels', call, to - from);
      });
    }
  }
  await model.close();
  const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
  const products = sum(least.kernels!.filter((_, call) => names[call]!.startsWith('matmul')));
  return { total, bare: sum(least.bare!), products, others: sum(least.kernels!) - products };
};

const shape = 'smollm2-135m';
const { page, address, version, close } = await openPage();
const found = await page.evaluate(measure, {
  engine: `${address}dist/engine.js`,
  source: address + makeModel(shape, options.type as SupportedType),
  kernels: `${address}dist/kernels.relaxed.wasm`,
  type: options.type,
  block: blockBytes(options.type),
  matrices: matricesOf(SHAPES[shape]).model,
  rounds: Number(options.rounds),
});
await close();
console.log(
  `${version}, ${options.type}, ${(found.total / 1e6).toFixed(1)} MB of weights, ms of a step: products ${found.products.toFixed(2)}, ` +
    `the same with nothing around them ${found.bare.toFixed(2)}; other kernels that take 5 µs or more ${found.others.toFixed(2)}`,
);
