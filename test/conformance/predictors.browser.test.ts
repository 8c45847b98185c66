import { builds, makeWasmBackend } from './make-backend.js';
import { describePredictors, describeRelations } from './predictors.js';

// Node runs the plain build.
const [build] = builds as readonly ['relaxed' | 'simd128'];
describePredictors(`wasm, ${build}`, () => makeWasmBackend({ build }));
describeRelations(`wasm, ${build}`, () => makeWasmBackend({ build }));
