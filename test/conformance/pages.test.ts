import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';
import { describePasses } from './passes.js';

describePages('wasm, plain SIMD', () => makeWasmPages({ build: 'simd128' }));
describePasses('wasm, plain SIMD', (threads) => makeWasmPages({ build: 'simd128', threads }), [1, 3]);
