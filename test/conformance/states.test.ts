import { makeWasmBackend } from './make-backend.js';
import { describeStates } from './states.js';

describeStates('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
describeStates('wasm, three threads', () => makeWasmBackend({ build: 'simd128', threads: 3 }));
