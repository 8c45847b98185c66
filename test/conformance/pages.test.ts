import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';

describePages('wasm, plain SIMD', () => makeWasmPages({ build: 'simd128' }));
