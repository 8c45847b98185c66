import { makeWasmBackend } from './make-backend.js';
import { describePredictors, describeRelations } from './predictors.js';

describePredictors('wasm, relaxed SIMD', () => makeWasmBackend({ build: 'relaxed' }));
describeRelations('wasm, relaxed SIMD', () => makeWasmBackend({ build: 'relaxed' }));
