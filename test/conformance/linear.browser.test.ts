import { expect, test } from 'vitest';
import { random } from '../support/random.js';
import { expectEqual } from './compare.js';
import { describeLinear } from './linear.js';
import { builds, makeWasmBackend } from './make-backend.js';
import { randomRows, weightOf } from './weights.js';

for (const build of builds) describeLinear(`wasm, ${build}`, () => makeWasmBackend({ build }));

test('the fastest exact build is taken', async () => {
  expect((await makeWasmBackend()).build).toBe(builds[0]);
});

test.runIf(builds.length === 2)('both builds give the same bits for quantised weights', async () => {
  const [rows, n, k] = [9, 113, 704];
  for (const type of ['Q8_0', 'Q4_0'] as const) {
    const seed = random(n);
    const x = seed.normals(rows * k);
    const bytes = randomRows(seed, type, n, k);
    const [relaxed, plain] = await Promise.all(
      (['relaxed', 'simd128'] as const).map(async (build) => {
        const backend = await makeWasmBackend({ build });
        expect(backend.build).toBe(build);
        const input = backend.tensor('x', rows, k);
        const out = backend.tensor('out', rows, n);
        backend.upload(input, x);
        backend.matmul(out, input, weightOf(backend, type, n, k, bytes));
        return backend.read(out);
      }),
    );
    expectEqual(relaxed!, plain!, type);
  }
});
