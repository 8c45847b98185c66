import { describeChunks } from './chunks.js';
import { describeLinear } from './linear.js';
import { makeWasmBackend } from './make-backend.js';
import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';
import { describeThreads } from './threads.js';

describeThreads('wasm, plain SIMD', (threads) => makeWasmBackend({ build: 'simd128', threads }), [2, 3, 7]);

for (const threads of [2, 3]) {
  const name = `wasm, plain SIMD, ${threads} threads`;
  describeLinear(name, () => makeWasmBackend({ build: 'simd128', threads }));
  describeChunks(name, () => makeWasmBackend({ build: 'simd128', threads }));
}
// The longest suite runs once: three threads meet what two do.
describePages('wasm, plain SIMD, 3 threads', () => makeWasmPages({ build: 'simd128', threads: 3 }));
