/** What is called in a page to measure its adapter. Bundled by bench/webgpu.ts. */
import type { Range, Tiles } from '../../src/backends/backend.js';
import type { WeightType } from '../../src/backends/row-formats.js';
import { rowBytes } from '../../src/backends/row-formats.js';
import { gpuAttend } from '../../src/backends/webgpu/attend.js';
import { type GpuDevice, openGpu } from '../../src/backends/webgpu/device.js';
import { gpuMatmul, plainWays } from '../../src/backends/webgpu/matmul.js';
import { gpuPages } from '../../src/backends/webgpu/pages.js';
import { gpuPlans } from '../../src/backends/webgpu/plans.js';
import { preparePipelines } from '../../src/backends/webgpu/prepare.js';
import { gpuTensors } from '../../src/backends/webgpu/tensors.js';
import { gpuTopLogits } from '../../src/backends/webgpu/top-logits.js';
import { tuneProducts } from '../../src/backends/webgpu/tune.js';
import { gpuWeights } from '../../src/backends/webgpu/weights.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { noise } from './noise.js';

export interface AdapterMark {
  readonly description: string;
  readonly isSoftware: boolean;
  readonly packedDots: boolean;
  readonly features: readonly string[];
  readonly pipelines: number;
  /** Milliseconds until all of them were compiled. */
  readonly compiling: number;
}

export interface AttendInput {
  readonly heads: number;
  readonly dim: number;
  readonly lengths: readonly number[];
  readonly rows: number;
  readonly density: number;
  readonly rounds: number;
}

export interface AttendMark {
  readonly tokens: number;
  readonly dense: number;
  readonly sparse: number;
  /** (row, key) pairs of the sparse plan among those of the dense one. */
  readonly density: number;
}

export interface ProductMark {
  readonly type: string;
  readonly rows: number;
  readonly ms: number;
  /** Of weights read, a second. */
  readonly gigabytes: number;
  readonly gigaflops: number;
  /** What the tuning pass chose; on a software adapter, what was not chosen. */
  readonly way: string;
}

let device: GpuDevice;
let shaders: Readonly<Record<string, string>>;

const settled = (): Promise<unknown> => device.recorder.read(device.nothing, 0, 4);

/** Milliseconds of `run` and of all that it submits: the least of `rounds`. */
const timed = async (rounds: number, run: () => void): Promise<number> => {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round <= rounds; round++) {
    await settled();
    const started = performance.now();
    run();
    await settled();
    // The first round compiles and warms up.
    if (round > 0) best = Math.min(best, performance.now() - started);
  }
  return best;
};

export const measureAdapter = async (
  shadersUrl: string,
  types: readonly WeightType[],
): Promise<AdapterMark> => {
  shaders = await (await fetch(shadersUrl)).json();
  device = await openGpu({ shaders });
  const { description, isSoftware, packedDots, device: own } = device.granted;
  const started = performance.now();
  await preparePipelines(device, types);
  return {
    ...{ description, isSoftware, packedDots },
    features: [...own.features, ...navigator.gpu.wgslLanguageFeatures],
    pipelines: device.pipelines.count,
    compiling: performance.now() - started,
  };
};

/** Pages spread evenly, with the first and those before the tile, as many as the density allows. */
const sparsePlan = (tiles: Tiles, density: number): Range[][] =>
  Array.from({ length: tiles.rows / 64 }, (_, tile) => {
    const page = tiles.position / 64 + tile;
    const kept = Math.max(2, Math.round(density * page));
    const named = new Set([0, page - 1, page]);
    for (let i = 1; named.size < kept; i++) named.add(Math.floor((i * page) / (kept - 1)) % page);
    const ranges: [number, number][] = [];
    for (const one of [...named].sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last && last[1] === one * 64) last[1] += 64;
      else ranges.push([one * 64, one * 64 + 64]);
    }
    return ranges;
  });

/** The last rows of texts of these lengths: attention over everything, and over a share of it. */
export const measureAttend = async (input: AttendInput): Promise<AttendMark[]> => {
  const { heads, dim, rows, rounds } = input;
  const [tensors, pages, attend] = [gpuTensors(device), gpuPages(device), gpuAttend(device)];
  const plans = gpuPlans(device, () => {});
  const marks: AttendMark[] = [];
  for (const tokens of input.lengths) {
    const kv = pages.kvLayer('kv', { kvHeads: heads, keyDim: dim, valueDim: dim, keys: 'q8', values: 'q8' });
    pages.mapPages(kv, tokens / 64);
    const piece = tensors.tensor('piece', 512, heads * dim);
    for (let at = 0; at < tokens; at += 512) {
      tensors.upload(piece, noise(512 * heads * dim));
      pages.appendKv(kv, piece, piece, at);
    }
    const tiles: Tiles = { position: tokens - rows, rows, tileRows: 64 };
    const q = tensors.tensor('q', rows, heads * dim);
    tensors.upload(q, noise(rows * heads * dim));
    const out = tensors.tensor('out', rows, heads * dim);
    const [all, some] = [plans.plan('all', 1), plans.plan('some', 1)];
    plans.writePlan(
      all,
      tiles,
      sparsePlan(tiles, 1).map((ranges): Range[] => [[0, ranges.at(-1)![1]]]),
    );
    plans.writePlan(some, tiles, sparsePlan(tiles, input.density));
    const how = { scale: 1 / Math.sqrt(dim) };
    attend.attend(out, q, kv, all, how);
    attend.attend(out, q, kv, some, how);
    const [whole, part] = [await attend.readPairs(all), await attend.readPairs(some)];
    marks.push({
      tokens,
      dense: await timed(rounds, () => attend.attend(out, q, kv, all, how)),
      sparse: await timed(rounds, () => attend.attend(out, q, kv, some, how)),
      density: part / whole,
    });
    for (const thing of [kv, piece, q, out, all, some]) tensors.free(thing);
  }
  return marks;
};

export interface ProductInput {
  readonly types: readonly WeightType[];
  readonly size: number;
  readonly rows: readonly number[];
  /** Products in one submission. */
  readonly repeats: number;
  readonly rounds: number;
}

/** Square matrices: one row as in an answer, many as in reading. */
export const measureProducts = async (input: ProductInput): Promise<ProductMark[]> => {
  const { size, repeats, rounds } = input;
  const ways = plainWays();
  const products = gpuMatmul(device, ways);
  const [tensors, weights, { matmul }] = [gpuTensors(device), gpuWeights(device), products];
  const marks: ProductMark[] = [];
  for (const type of input.types) {
    const { isSoftware } = device.granted;
    if (!isSoftware) await tuneProducts({ device, products, ways, shaders, types: [type] });
    const weight = weights.weight(type, type, size, size);
    const bytes = size * rowBytes(type, size);
    for (const rows of input.rows) {
      const [x, out] = [tensors.tensor('x', rows, size), tensors.tensor('out', rows, size)];
      tensors.upload(x, noise(rows * size));
      const ms = await timed(rounds, () => {
        for (let i = 0; i < repeats; i++) matmul(out, x, weight);
      });
      const one = ms / repeats;
      const gigaflops = (2 * rows * size * size) / one / 1e6;
      const { outputs, quads } = ways.tile;
      const way =
        rows > 1 ? `tiles of ${outputs} × ${4 * quads}` : ways.together ? 'parts together' : 'parts apart';
      marks.push({ type, rows, ms: one, gigabytes: bytes / one / 1e6, gigaflops, way });
      for (const thing of [x, out]) tensors.free(thing);
    }
    tensors.free(weight);
  }
  return marks;
};

/** Milliseconds of the likeliest of so many logits. */
export const measureTop = async (vocab: number, count: number, rounds: number): Promise<number> => {
  const [tensors, { topLogits }] = [gpuTensors(device), gpuTopLogits(device)];
  const [logits, out] = [tensors.tensor('logits', 1, vocab), tensors.tensor('top', count + 1, 2)];
  tensors.upload(logits, noise(vocab));
  const ms = await timed(rounds, () => topLogits(out, logits));
  for (const thing of [logits, out]) tensors.free(thing);
  return ms;
};

export interface StepInput {
  readonly engine: string;
  readonly kernels: string;
  readonly model: string;
  readonly tokens: number;
  readonly steps: number;
  readonly attention: AttentionOptions;
}

/** Of one token, or of a reading. */
export interface StepMark {
  readonly ms: number;
  readonly dispatches: number;
  readonly submissions: number;
  readonly written: number;
  readonly readBack: number;
}

/** What the browser was asked for, counted at its door. */
const counts = { dispatches: 0, submissions: 0, written: 0, readBack: 0 };
let counting = false;
const count = (): void => {
  if (counting) return;
  counting = true;
  const watch = (kind: object, name: string, note: (args: unknown[]) => void): void => {
    const verbs = kind as Record<string, (...args: unknown[]) => unknown>;
    const own = verbs[name]!;
    verbs[name] = function (this: unknown, ...args: unknown[]) {
      note(args);
      return own.apply(this, args);
    };
  };
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => counts.dispatches++);
  watch(GPUQueue.prototype, 'submit', () => counts.submissions++);
  watch(GPUQueue.prototype, 'writeBuffer', ([, , source, , size]) => {
    const view = source as Uint8Array;
    counts.written += typeof size === 'number' ? size * view.BYTES_PER_ELEMENT : view.byteLength;
  });
  watch(GPUBuffer.prototype, 'mapAsync', ([, , size]) => {
    counts.readBack += size as number;
  });
};

/** A whole model on the GPU. */
export const measureModel = async (
  input: StepInput,
): Promise<{ loading: number; reading: StepMark; token: StepMark; info: object }> => {
  count();
  const { load } = (await import(input.engine)) as typeof import('../../src/engine/index.js');
  const { attention } = input;
  const options = { backend: 'webgpu', kernelsUrl: input.kernels, kv: { store: 'none' }, attention } as const;
  const measured = async (times: number, run: () => Promise<unknown>): Promise<StepMark> => {
    const before = { ...counts };
    const started = performance.now();
    await run();
    const each = (name: keyof typeof counts): number => (counts[name] - before[name]) / times;
    return {
      ms: (performance.now() - started) / times,
      ...{ dispatches: each('dispatches'), submissions: each('submissions') },
      ...{ written: each('written'), readBack: each('readBack') },
    };
  };
  const started = performance.now();
  const model = await load(input.model, options);
  const loading = performance.now() - started;
  const context = await model.context();
  const ids = Array.from({ length: input.tokens }, (_, i) => 5 + ((i * 7919) % 4000));
  // What compiles compiles here.
  await context.append(ids.slice(0, 256));
  await context.generate({ maxTokens: 2, temperature: 0, ignoreStops: true });
  const reading = await measured(1, () => context.append(ids.slice(256)));
  await context.generate({ maxTokens: 2, temperature: 0, ignoreStops: true });
  const token = await measured(input.steps, () =>
    context.generate({ maxTokens: input.steps, temperature: 0, ignoreStops: true }),
  );
  const { info } = model;
  await model.close();
  return { loading, reading, token, info };
};
