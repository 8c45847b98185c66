import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startKernels } from '../../src/backends/wasm/module.js';

const simd128 = new URL('../../dist/kernels.wasm', import.meta.url);
const relaxed = new URL('../../dist/kernels.relaxed.wasm', import.meta.url);
const hasRelaxed = async (): Promise<boolean> => WebAssembly.validate(await readFile(relaxed));

test('kernels start from an address, a string, bytes or a module', async () => {
  const bytes = await readFile(simd128);
  for (const source of [simd128, simd128.href, bytes, await WebAssembly.compile(bytes)]) {
    const { build, kernels, memory } = await startKernels({ wasm: { simd128: source } });
    expect(build).toBe('simd128');
    expect(memory.buffer.byteLength).toBeGreaterThan(kernels.heapBase!());
  }
});

test('relaxed SIMD is taken only where the engine has it', async () => {
  const { build } = await startKernels({ wasm: { simd128, relaxed } });
  expect((await hasRelaxed()) ? ['simd128', 'relaxed'] : ['simd128']).toContain(build);
});

test('a relaxed build whose dot product is not exact is not trusted', async () => {
  // The plain build answers 0 to the probe: here it stands for a device that computes otherwise.
  const { build } = await startKernels({ wasm: { simd128, relaxed: simd128 } });
  expect(build).toBe('simd128');
  await expect(startKernels({ build: 'relaxed', wasm: { simd128, relaxed: simd128 } })).rejects.toMatchObject(
    {
      code: 'unsupported/backend',
    },
  );
});

test('what is asked for and cannot be had is refused', async () => {
  await expect(startKernels({ wasm: {} })).rejects.toMatchObject({ code: 'unsupported/backend' });
  const missing = new URL('./no-such-file.wasm', import.meta.url);
  await expect(startKernels({ wasm: { simd128: missing } })).rejects.toMatchObject({
    code: 'unsupported/backend',
    details: { build: 'simd128', url: missing.href },
  });
  for (const memory of [0, 65535, 2 ** 32 + 65536, Number.NaN]) {
    await expect(startKernels({ memory, wasm: { simd128 } })).rejects.toMatchObject({ code: 'input/option' });
  }
});

test('memory is bounded by the option', async () => {
  const { memory } = await startKernels({ memory: 3 * 65536 + 5, wasm: { simd128 } });
  memory.grow(2);
  expect(() => memory.grow(1)).toThrow(RangeError);
});
