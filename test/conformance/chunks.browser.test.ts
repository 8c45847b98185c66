import { describeChunks } from './chunks.js';
import { makeWasmBackend } from './make-backend.js';

describeChunks('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
describeChunks('wasm, relaxed SIMD', () => makeWasmBackend({ build: 'relaxed' }));
