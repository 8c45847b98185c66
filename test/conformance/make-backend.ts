import type { Backend } from '../../src/backends/backend.js';
import { createWasmBackend, type WasmBackend } from '../../src/backends/wasm/backend.js';
import type { WasmOptions } from '../../src/backends/wasm/module.js';
import { createRefBackend } from '../reference/backend.js';

/** Fetched by a browser, read from disk by Node: `node build.mjs kernels` makes both files. */
export const wasm = {
  simd128: new URL('../../dist/kernels.wasm', import.meta.url),
  relaxed: new URL('../../dist/kernels.relaxed.wasm', import.meta.url),
};

/** As `node build.mjs bundles` made it. */
export const threadUrl = new URL('../../dist/thread.js', import.meta.url);

export const makeWasmBackend = (options: WasmOptions = {}): Promise<WasmBackend> =>
  createWasmBackend({ wasm, threadUrl, ...options });

export const makeRefBackend = async (): Promise<Backend> => createRefBackend();
