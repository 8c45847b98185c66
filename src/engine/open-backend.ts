import type { Backend } from '../backends/backend.js';
import { createWasmBackend } from '../backends/wasm/backend.js';
import { LonghandError } from '../errors.js';
import type { Reader } from '../generate/reader.js';
import type { checkEngineOptions } from './options.js';

/** A backend, and what it says of itself. */
export interface Computing extends Backend {
  readonly threads: number;
  readonly reason: string;
  /** The numerics class that its pages are stored and looked for under, without the version. Default: its name and build. */
  readonly numerics?: string;
  /** When all weights are there: makes ready what would else be made at the first call. */
  prepare?(onProgress: (done: number, all: number) => void): Promise<void>;
  /** Where it finds the highest logits: how a sampler chooses from those alone. */
  readonly topShortlist?: Reader['topShortlist'];
}

const inFolder = (folder: string, name: string): URL => {
  try {
    return new URL(name, folder.endsWith('/') ? folder : `${folder}/`);
  } catch (cause) {
    throw new LonghandError(
      'input/option',
      `The option kernelsUrl cannot be '${folder}'. Use the whole address of the folder that holds the kernels.`,
      { option: 'kernelsUrl' },
      { cause },
    );
  }
};

type Chosen = ReturnType<typeof checkEngineOptions>;

/**
 * Where the shaders are. Bundlers copy webgpu.js as it is, so what it needs is named here, in the form that they look for:
 * beside it the file would be missing.
 */
export const shadersAt = ({ kernelsUrl }: Pick<Chosen, 'kernelsUrl'>): URL =>
  kernelsUrl === undefined
    ? new URL('./shaders.json', import.meta.url)
    : inFolder(kernelsUrl, 'shaders.json');

/** The CPU, as it was asked for, or an error that says why it cannot be had so. */
export const openWasm = async ({
  kernels,
  kernelsUrl,
  threads,
  threadUrl,
  cpuMemory,
}: Pick<Chosen, 'kernels' | 'kernelsUrl' | 'threads' | 'threadUrl' | 'cpuMemory'>): Promise<Computing> => {
  const at = (name: string): URL => inFolder(kernelsUrl!, name);
  return createWasmBackend({
    build: kernels,
    threads,
    memory: cpuMemory,
    ...(threadUrl !== undefined && { threadUrl }),
    ...(kernelsUrl !== undefined && {
      wasm: { simd128: at('kernels.wasm'), relaxed: at('kernels.relaxed.wasm') },
    }),
  });
};
