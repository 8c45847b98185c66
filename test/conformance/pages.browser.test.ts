import { builds } from './make-backend.js';
import { makeWasmPages } from './make-pages.js';
import { describePages } from './pages.js';
import { describePasses } from './passes.js';

for (const build of builds) {
  describePages(`wasm, ${build}`, () => makeWasmPages({ build }));
  describePasses(`wasm, ${build}`, () => makeWasmPages({ build }), [1]);
}
