import { describeLifts } from './lifts.js';
import { makeWasmBackend } from './make-backend.js';

describeLifts('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
