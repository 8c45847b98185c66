import { describeLinear } from './linear.js';
import { makeWasmBackend } from './make-backend.js';

describeLinear('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
describeLinear('wasm, relaxed SIMD', () => makeWasmBackend({ build: 'relaxed' }));
