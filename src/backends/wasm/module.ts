import { LonghandError } from '../../errors.js';
import { nodeModule } from '../../node-module.js';
import type { Kernels } from './kernels.js';
import { sharedImport } from './shared-import.js';

export type WasmBuild = 'simd128' | 'relaxed';

/** Where a compiled kernel file comes from: an address to fetch (or a file, in Node), its bytes, or a module. */
export type WasmSource = URL | string | BufferSource | WebAssembly.Module;

export interface WasmOptions {
  /** `auto` takes `relaxed` where the device has it and computes it exactly. Default `auto`. */
  readonly build?: 'auto' | WasmBuild;
  /** The kernel files, where they do not lie beside the library. A build that is not named here is then not tried. */
  readonly wasm?: Partial<Record<WasmBuild, WasmSource>>;
  /**
   * Threads, this one included: a number, or `auto`: as many as this device has cores but one, at least 2 where there
   * are 2 cores and at most 8, and 1 where memory cannot be shared. Default 1.
   */
  readonly threads?: number | 'auto';
  /** The script of a thread. Default: `thread.js` beside the library. */
  readonly threadUrl?: URL | string;
  /** Most bytes of memory to take, 65536 up to 4294967296 (the default). Rounded down to 64 KiB. */
  readonly memory?: number;
}

/** A running copy of the kernels and their memory. */
export interface KernelInstance {
  readonly build: WasmBuild;
  /** Why that build was taken. */
  readonly reason: string;
  readonly kernels: Kernels;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

const WASM_PAGE = 65536;
const MOST_PAGES = 65536;

// Bundlers look for exactly this form of `new URL`, so each file is named in full.
const beside = (): Record<WasmBuild, WasmSource> => ({
  simd128: new URL('./kernels.wasm', import.meta.url),
  relaxed: new URL('./kernels.relaxed.wasm', import.meta.url),
});

/** (func (result v128) …) with one i32x4.relaxed_dot_i8x16_i7x16_add_s. */
const relaxedModule = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01,
  0x00, 0x0a, 0x13, 0x01, 0x11, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f,
  0xfd, 0x93, 0x02, 0x0b,
]);

const unsupported = (message: string, build: string): LonghandError =>
  new LonghandError('unsupported/backend', message, { build });

const bytesAt = async (url: URL): Promise<BufferSource> => {
  if (url.protocol === 'file:') {
    const { readFile } = await nodeModule<typeof import('node:fs/promises')>('fs/promises');
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.arrayBuffer();
};

const bytesOf = async (source: URL | string | BufferSource, build: WasmBuild): Promise<BufferSource> => {
  if (typeof source !== 'string' && !(source instanceof URL)) return source;
  const url = new URL(source, globalThis.location?.href);
  return bytesAt(url).catch((cause: unknown) => {
    const message = `The kernels could not be loaded from ${url}: ${String(cause)}. Serve the file there, or name another with \`wasm\`.`;
    throw new LonghandError('unsupported/backend', message, { build, url: String(url) }, { cause });
  });
};

const asBytes = (source: BufferSource): Uint8Array =>
  ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);

const compile = async (
  source: WasmSource,
  build: WasmBuild,
  shared: boolean,
): Promise<WebAssembly.Module> => {
  if (source instanceof WebAssembly.Module) return source;
  const bytes = await bytesOf(source, build);
  if (!shared) return WebAssembly.compile(bytes);
  const patched = sharedImport(asBytes(bytes));
  if (patched) return WebAssembly.compile(patched);
  throw unsupported('The kernels are of another version: their memory cannot be shared.', build);
};

type Started = Omit<KernelInstance, 'reason'>;

const start = async (
  source: WasmSource,
  build: WasmBuild,
  memory: WebAssembly.Memory,
  shared: boolean,
): Promise<Started> => {
  const module = await compile(source, build, shared);
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return { build, kernels: exports as Kernels, module, memory };
};

/**
 * The specification leaves open what the relaxed dot product does when an operand of the second vector has its top
 * bit set. Our kernels need it unsigned and without saturation; devices that do otherwise use the other build.
 */
const isExact = ({ kernels }: Started): boolean =>
  kernels.relaxedDot!(127, 0xff) === 129540 &&
  kernels.relaxedDot!(-128, 0xff) === -130560 &&
  kernels.relaxedDot!(127, 0x81) === 65532;

/** The bytes that `memory` allows, in 64 KiB. */
export const memoryPages = ({ memory = MOST_PAGES * WASM_PAGE }: WasmOptions): number => {
  const maximum = Math.floor(memory / WASM_PAGE);
  if (maximum >= 1 && maximum <= MOST_PAGES) return maximum;
  const message = `\`memory\` is ${memory}; it must be between ${WASM_PAGE} and ${MOST_PAGES * WASM_PAGE} bytes.`;
  throw new LonghandError('input/option', message, { memory });
};

/** Choose, compile and start the kernels: over `shared` memory, or a memory of their own. */
export const startKernels = async (
  options: WasmOptions = {},
  shared?: WebAssembly.Memory,
): Promise<KernelInstance> => {
  const { build = 'auto', wasm = beside() } = options;
  const memory = shared ?? new WebAssembly.Memory({ initial: 1, maximum: memoryPages(options) });
  const begin = (source: WasmSource, which: WasmBuild): Promise<Started> =>
    start(source, which, memory, shared !== undefined);
  let why = 'SIMD128, as was asked for';
  if (build !== 'simd128') {
    why = 'SIMD128: this engine has no relaxed SIMD';
    if (wasm.relaxed === undefined) {
      why = 'SIMD128: no other kernels were given';
    } else if (WebAssembly.validate(relaxedModule)) {
      const instance = await begin(wasm.relaxed, 'relaxed');
      if (isExact(instance)) return { ...instance, reason: 'relaxed SIMD, which computes exactly here' };
      why = 'SIMD128: relaxed SIMD does not compute exactly on this device';
    }
  }
  if (build === 'relaxed') {
    const message = 'This device has no exact relaxed SIMD, or no file was given for it. Use build `auto`.';
    throw unsupported(message, build);
  }
  if (wasm.simd128 === undefined)
    throw unsupported('No file was given for build simd128. Name one in `wasm`.', build);
  return { ...(await begin(wasm.simd128, 'simd128')), reason: why };
};
