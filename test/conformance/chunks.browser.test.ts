import { describeChunks } from './chunks.js';
import { builds, makeWasmBackend } from './make-backend.js';

for (const build of builds) describeChunks(`wasm, ${build}`, () => makeWasmBackend({ build }));
