import type { Backend } from '../../src/backends/backend.js';
import { createWasmBackend, type WasmBackend } from '../../src/backends/wasm/backend.js';
import type { WasmBuild, WasmOptions } from '../../src/backends/wasm/module.js';
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

/**
 * The builds that a browser computes exactly, the faster one first. Firefox on x86-64 saturates the relaxed dot product at
 * 16 bits, so that there only the plain build is left.
 */
export const builds: readonly WasmBuild[] = globalThis.navigator?.userAgent.includes('Firefox')
  ? ['simd128']
  : ['relaxed', 'simd128'];
