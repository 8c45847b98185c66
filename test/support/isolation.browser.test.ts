import { expect, test } from 'vitest';

test('the browser project runs in a cross-origin isolated page with relaxed SIMD', async () => {
  expect(crossOriginIsolated).toBe(true);
  const kernels = await (await fetch('/dist/kernels.relaxed.wasm')).arrayBuffer();
  expect(WebAssembly.validate(kernels)).toBe(true);
});
