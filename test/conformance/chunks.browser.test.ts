import { describeChunks } from './chunks.js';
import { builds, makeWasmBackend } from './make-backend.js';
import { describeObserve } from './observe.js';

for (const build of builds) {
  describeChunks(`wasm, ${build}`, () => makeWasmBackend({ build }));
  describeObserve(`wasm, ${build}`, () => makeWasmBackend({ build }));
}
