import { makeRefBackend, makeWasmBackend } from './make-backend.js';
import { describePredictors, describeRelations } from './predictors.js';

describePredictors('reference', makeRefBackend);
describePredictors('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
describeRelations('reference', makeRefBackend);
describeRelations('wasm, plain SIMD', () => makeWasmBackend({ build: 'simd128' }));
