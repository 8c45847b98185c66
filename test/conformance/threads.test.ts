import { describeChunks } from './chunks.js';
import { describeLinear } from './linear.js';
import { makeWasmBackend } from './make-backend.js';
import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';
import { describeThreads } from './threads.js';

describeThreads('wasm, plain SIMD', (threads) => makeWasmBackend({ build: 'simd128', threads }), [2, 3, 7]);

for (const threads of [2, 3]) {
  describeChunks(`wasm, plain SIMD, ${threads} threads`, () =>
    makeWasmBackend({ build: 'simd128', threads }),
  );
}
// The longest suites run once: three threads meet what two do.
describeLinear('wasm, plain SIMD, 3 threads', () => makeWasmBackend({ build: 'simd128', threads: 3 }));
describePages('wasm, plain SIMD, 3 threads', () => makeWasmPages({ build: 'simd128', threads: 3 }));
