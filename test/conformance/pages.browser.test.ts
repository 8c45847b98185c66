import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';

describePages('wasm, relaxed SIMD', () => makeWasmPages({ build: 'relaxed' }));
describePages('wasm, plain SIMD', () => makeWasmPages({ build: 'simd128' }));
