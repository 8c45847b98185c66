/** The yardsticks: what the kernels reach on this machine with nothing around them. */
import type { ModelShape } from '../../test/support/shape-model.js';
import type { Place } from './place.js';

export interface Rates {
  /** Warm product of 128 rows with every matrix of a layer, multiplications and additions of all threads a second. */
  readonly gemm: number;
  /** The same over products that take as long together as a reading, in place of the best single one; 0 without `reading`. */
  readonly gemmLong: number;
  /** Bytes of weights a second when one row meets all of the model's matrices, one after the other, none in a cache. */
  readonly stream: number;
  /** The same over `IN_A_ROW` passes, as many as a sample of answering has tokens, in place of the best single one. */
  readonly sustained: number;
  /** The same where a pass begins only as often as the engine's steps do, and nothing is read between; 0 without `every`. */
  readonly paced: number;
}

/** Passes over all weights that are timed together. */
export const IN_A_ROW = 32;

interface Matrix {
  readonly n: number;
  readonly k: number;
  readonly times: number;
}

interface Work {
  readonly kernels: string;
  readonly type: string;
  readonly blockBytes: number;
  readonly layer: readonly Matrix[];
  readonly model: readonly Matrix[];
  readonly seconds: number;
  readonly inARow: number;
  /** Milliseconds from the beginning of one paced pass to that of the next; 0: there are none. */
  readonly every: number;
  /** Seconds of a reading; 0: none is known. */
  readonly reading: number;
}

/** The matrices of a layer, and of the whole model with its output matrix. */
export const matricesOf = ({ layers, dim, hidden, heads, kvHeads, headDim, vocab }: ModelShape) => {
  const layer: Matrix[] = [
    { n: heads * headDim, k: dim, times: 1 },
    { n: kvHeads * headDim, k: dim, times: 2 },
    { n: dim, k: heads * headDim, times: 1 },
    { n: hidden, k: dim, times: 2 },
    { n: dim, k: hidden, times: 1 },
  ];
  const model = layer.map((matrix) => ({ ...matrix, times: matrix.times * layers }));
  return { layer, model: [...model, { n: vocab, k: dim, times: 1 }] };
};

const sum = (matrices: readonly Matrix[]): number =>
  matrices.reduce((total, { n, k, times }) => total + n * k * times, 0);

/** Additions and multiplications of the linear layers for one token that is read. */
export const operations = (shape: ModelShape): number => 2 * sum(matricesOf(shape).model.slice(0, -1));

/** Bytes of weights that one token of an answer reads. */
export const streamed = (shape: ModelShape, type: string): number =>
  (sum(matricesOf(shape).model) / 32) * blockBytes(type);

export const blockBytes = (type: string): number => {
  const known: Record<string, number> = { Q8_0: 34, Q4_0: 18 };
  if (!known[type]) throw new Error(`No yardstick is known for ${type}.`);
  return known[type];
};

/** Runs in a worker of its own, in either place. Answers operations and bytes a second of this one thread. */
const measure = async (work: Work): Promise<Rates> => {
  const { kernels: url, type, blockBytes: block, layer, model, seconds, inARow, every, reading } = work;
  const ROWS = 128;
  const inNode = typeof process === 'object';
  const bytes = inNode
    ? await (await import('node:fs/promises')).readFile(new URL(url))
    : new Uint8Array(await (await fetch(url)).arrayBuffer());
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort() {} } });
  const kernels = instance.exports as Record<string, (...args: number[]) => number>;
  const size = (matrices: readonly Matrix[]): number =>
    matrices.reduce((total, { n, k, times }) => total + ((n + 15) >> 4) * 16 * (k / 32) * block * times, 0);
  const widest = Math.max(...model.map(({ n }) => n));
  const deepest = Math.max(...model.map(({ k }) => k));
  const x = (kernels.heapBase!() + 63) & ~63;
  const panels = x + ROWS * deepest * 4;
  const out = panels + ROWS * deepest * 4;
  const spare = out + Math.max(ROWS * 4 * Math.max(...layer.map(({ n }) => n)), widest * 4);
  const weights = spare + kernels.matmulSpare!(deepest);
  memory.grow(Math.ceil((weights + size(model) - memory.buffer.byteLength) / 65_536));
  new Float32Array(memory.buffer, x, ROWS * deepest).forEach((_, i, all) => {
    all[i] = Math.sin(i);
  });
  new Uint8Array(memory.buffer, weights, size(model)).fill(0x2c);
  /** Seconds for one pass; each matrix lies behind the one before it. */
  const pass = (matrices: readonly Matrix[], rows: number): number => {
    let at = weights;
    const started = performance.now();
    for (const { n, k, times } of matrices) {
      kernels.panelsQ8!(panels, x, rows, k);
      for (let time = 0; time < times; time++) {
        kernels[`matmul${type}`]!(out, panels, at, rows, n, k, 0, 0, Math.ceil(n / 16), spare);
        at += ((n + 15) >> 4) * 16 * (k / 32) * block;
      }
    }
    return (performance.now() - started) / 1000;
  };
  /** Seconds of passes one after the other, or each `interval` ms after the last one began; at least as many as are timed together. */
  const passes = (matrices: readonly Matrix[], rows: number, interval = 0, least = seconds): number[] => {
    const all: number[] = [];
    const end = performance.now() + Math.max(seconds, least) * 1000;
    for (let next = performance.now(); next < end || all.length < inARow; next += interval) {
      while (performance.now() < next);
      next = performance.now();
      all.push(pass(matrices, rows));
    }
    return all;
  };
  /** Seconds of a pass, on average over the best of the stretches that are timed together. */
  const together = (all: readonly number[]): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let from = 0; from + inARow <= all.length; from++) {
      const stretch = all.slice(from, from + inARow);
      best = Math.min(best, stretch.reduce((total, one) => total + one) / inARow);
    }
    return best;
  };
  /** Seconds of a pass, on average over the best stretch that takes at least `long` seconds. */
  const throughout = (all: readonly number[], long: number): number => {
    let best = Number.POSITIVE_INFINITY;
    let [from, total] = [0, 0];
    all.forEach((one, i) => {
      total += one;
      while (total - all[from]! >= long) total -= all[from++]!;
      if (total >= long) best = Math.min(best, total / (i + 1 - from));
    });
    return best;
  };
  const products = layer.reduce((total, { n, k, times }) => total + 2 * ROWS * n * k * times, 0);
  const single = passes(model, 1);
  const many = passes(layer, ROWS, 0, reading * 1.5);
  return {
    gemm: products / Math.min(...many),
    gemmLong: reading > 0 ? products / throughout(many, reading) : 0,
    stream: size(model) / Math.min(...single),
    sustained: size(model) / together(single),
    paced: every > 0 ? size(model) / together(passes(model, 1, every)) : 0,
  };
};

/** Starts `threads` workers that all run `source` on `work` at once, and answers what they answered. */
const inWorkers = async (input: { source: string; threads: number; work: Work }): Promise<Rates[]> => {
  const { source, threads, work } = input;
  const code = `(${source})`;
  const start = async (): Promise<Rates> => {
    if (typeof process === 'object') {
      const { Worker } = await import('node:worker_threads');
      const run = `const { parentPort, workerData } = require('node:worker_threads');
        ${code}(workerData).then((found) => parentPort.postMessage(found));`;
      const worker = new Worker(run, { eval: true, workerData: work });
      return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
    }
    const run = `onmessage = async ({ data }) => postMessage(await ${code}(data));`;
    const worker = new Worker(URL.createObjectURL(new Blob([run], { type: 'text/javascript' })));
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        worker.terminate();
        resolve(data);
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(work);
    });
  };
  return Promise.all(Array.from({ length: threads }, start));
};

/**
 * Rates of `threads` threads that work at the same time, each on weights of its own. `step`: milliseconds of a step of
 * the engine, in which each thread reads its share of the weights, and `reading`: seconds of a reading; 0 where none is
 * known yet.
 */
export const ratesOf = async (
  place: Place,
  shape: ModelShape,
  type: string,
  threads: number,
  seconds: number,
  step = 0,
  reading = 0,
): Promise<Rates> => {
  const work: Work = {
    ...{ kernels: place.kernels, type, blockBytes: blockBytes(type), seconds },
    ...{ inARow: IN_A_ROW, every: step * threads, reading },
    ...matricesOf(shape),
  };
  const each = await place.call(inWorkers, { source: measure.toString(), threads, work });
  const total = (pick: (rates: Rates) => number): number => each.reduce((all, one) => all + pick(one), 0);
  return {
    gemm: total(({ gemm }) => gemm),
    gemmLong: total(({ gemmLong }) => gemmLong),
    stream: total(({ stream }) => stream),
    sustained: total(({ sustained }) => sustained),
    paced: total(({ paced }) => paced),
  };
};
