import { describeChunks } from './chunks.js';
import { makeWasmBackend } from './make-backend.js';
import { describeObserve } from './observe.js';

describeChunks('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
describeObserve('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
