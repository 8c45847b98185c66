import { expect, test } from 'vitest';
import { startKernels } from '../../src/backends/wasm/module.js';

const simd128 = new URL('../../dist/kernels.wasm', import.meta.url);

test('weights at the very end of memory are read ahead no further than it reaches', async () => {
  const { kernels, memory } = await startKernels({ build: 'simd128', wasm: { simd128 } });
  memory.grow(4);
  const [k, n, elsewhere] = [512, 48, 3 << 16];
  const x = (kernels.heapBase!() + 63) & ~63;
  const panels = x + 4 * k;
  const out = panels + 4 * k;
  new Float32Array(memory.buffer, x, k).forEach((_, i, all) => {
    all[i] = Math.sin(i);
  });
  kernels.panelsQ8!(panels, x, 1, k);
  for (const [type, block, inputs] of [
    ['Q4_0', 18, 32],
    ['Q8_0', 34, 32],
    ['Q6_K', 274, 256],
    ['Q4_K', 148, 256],
  ] as const) {
    const bytes = (n * k * block) / inputs;
    const weights = Uint8Array.from({ length: bytes }, (_, i) => (i * 37) % 59);
    const product = (at: number): number[] => {
      new Uint8Array(memory.buffer, at, bytes).set(weights);
      kernels[`matmul${type}`]!(out, panels, at, 1, n, k, 0, 0, n / 16, 0);
      return Array.from(new Uint32Array(memory.buffer, out, n));
    };
    const there = product(memory.buffer.byteLength - bytes);
    expect(there, type).toEqual(product(elsewhere));
    expect(new Set(there).size, type).toBeGreaterThan(1);
  }
});
