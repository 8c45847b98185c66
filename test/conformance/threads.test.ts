import { describeLinear } from './linear.js';
import { makeWasmBackend } from './make-backend.js';

for (const threads of [2, 3]) {
  describeLinear(`wasm, plain SIMD, ${threads} threads`, () =>
    makeWasmBackend({ build: 'simd128', threads }),
  );
}
