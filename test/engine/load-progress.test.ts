import { expect, test } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import { loadOn } from '../../src/engine/load-on.js';
import { openWasm } from '../../src/engine/open-backend.js';
import { openModelFile } from '../../src/weights/split.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';

const signal = new AbortController().signal;
const bytes = randomModel({ architecture: 'llama', type: 'F32', tokenizer: 'llama-bpe', seed: 3, layers: 2 });

/** What loading tells, on a backend that makes something ready first or not. */
const told = async (prepare?: (tell: (done: number, all: number) => void) => Promise<void>) => {
  const { model: file } = await openModelFile(bytes, { cache: false }, signal);
  const wasm = await openWasm({
    ...{ kernels: 'simd128', kernelsUrl, threads: 1, threadUrl: undefined, cpuMemory: 2 ** 32 },
  });
  const found: { loaded: number; total: number }[] = [];
  const { backend } = await loadOn(
    { ...wasm, ...(prepare && { prepare }) },
    file,
    architectureOf(file.metadata),
    {
      signal,
      onProgress: (progress) => found.push(progress),
    },
  );
  backend.close();
  return { found, all: file.bytes };
};

test('loading ends when all bytes are there', async () => {
  const { found, all } = await told();
  expect(found.length).toBeGreaterThan(1);
  expect(found.at(-1)).toEqual({ loaded: all, total: all });
});

test('what a backend makes ready before it computes is told as a tenth more, and never goes back', async () => {
  const steps: number[] = [];
  const { found, all } = await told(async (tell) => {
    for (let step = 1; step <= 4; step++) {
      steps.push(step);
      tell(step, 4);
    }
  });
  const total = Math.round(1.1 * all);
  expect(steps.length).toBe(4);
  expect(found.every((one) => one.total === total)).toBe(true);
  const loaded = found.map((one) => one.loaded);
  expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
  expect(loaded).toContain(all);
  expect(loaded).toContain(Math.round(1.05 * all));
  expect(loaded.at(-1)).toBe(total);
});
