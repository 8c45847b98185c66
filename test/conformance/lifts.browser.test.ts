import { describeLifts } from './lifts.js';
import { builds, makeWasmBackend } from './make-backend.js';

for (const build of builds) describeLifts(`wasm, ${build}`, () => makeWasmBackend({ build }));
