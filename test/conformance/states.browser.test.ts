import { builds, makeWasmBackend } from './make-backend.js';
import { describeStates } from './states.js';

for (const build of builds) describeStates(`wasm, ${build}`, () => makeWasmBackend({ build }));
