import { describeKeepOnly } from './keep-only.js';
import { makeWasmBackend } from './make-backend.js';

describeKeepOnly('wasm', () => makeWasmBackend({ build: 'simd128' }));
