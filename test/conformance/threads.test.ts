import { describeChunks } from './chunks.js';
import { describeLinear } from './linear.js';
import { makeWasmBackend } from './make-backend.js';
import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';

for (const threads of [2, 3]) {
  const name = `wasm, plain SIMD, ${threads} threads`;
  const options = { build: 'simd128', threads } as const;
  describeLinear(name, () => makeWasmBackend(options));
  describePages(name, () => makeWasmPages(options));
  describeChunks(name, () => makeWasmBackend(options));
}
