import { byteCount, flag, oneOf, onlyKnown, text, wholeNumber } from '../options.js';
import type { RetentionOptions } from '../policies/index.js';
import type { AttentionOptions } from '../predictors/index.js';
import { checkSecret } from '../stores/encryption.js';
import type { KvOptions } from './kv-options.js';
import { type Preset, withPreset } from './presets.js';

const GB = 2 ** 30;
/** What a memory of WebAssembly can have. */
const CPU_MEMORY = 4 * GB;

/** An eighth of the device's memory, which browsers tell in steps and up to a limit; not all of them do. */
const deviceBudget = (): number => {
  const { deviceMemory } = (globalThis.navigator ?? {}) as { deviceMemory?: number };
  return deviceMemory === undefined ? 512e6 : (deviceMemory * GB) / 8;
};

/** Threads that may be asked for. */
const MOST_THREADS = 64;

/** How a model is loaded. Plain data: it crosses a worker unharmed. */
export interface EngineOptions {
  /**
   * Options for a kind of device, each of which counts where it is not given beside it. `small-device`: for one that gives a
   * page about 1.2 GB, no buffer above 256 MB and no isolation: `threads: 1, cpuMemory: '1GB', gpuMemory: '1GB',
   * kv: { memory: '64MB' }`. Default `none`.
   */
  readonly preset?: Preset;
  /**
   * `auto` (default): the GPU where there is one that computes what the CPU does and is faster in a trial of a fraction of a
   * second, whose outcome is kept in the store; else, and always where WebGPU is only software, the CPU. `webgpu` takes
   * whatever adapter the browser offers, software too, and is an error (`unsupported/backend`) where there is none, or where
   * it computes wrongly. `model.info` says what was taken and why. A GPU that is lost is opened again once, then the CPU
   * goes on with the same sessions: `stats()` says so.
   */
  readonly backend?: 'auto' | 'wasm' | 'webgpu';
  /**
   * Bytes that everything on the GPU may take together, as a number or as text ('4GB'). What does not fit is refused
   * (`memory/device`) before it is allocated; with `auto` the CPU is taken. Default: what the device gives.
   */
  readonly gpuMemory?: number | string;
  /**
   * Bytes that everything on the CPU may take together, from 1 MB on, as a number or as text ('1GB'). What does not fit is
   * refused (`memory/device`) before it is allocated, where a device might end the page. Default: 4 GiB, or what the device gives.
   */
  readonly cpuMemory?: number | string;
  /** Build of the kernels. `auto` (default): relaxed SIMD where it computes right, else SIMD128. */
  readonly kernels?: 'auto' | 'relaxed' | 'simd128';
  /** Address of the folder that holds the kernels, in a page relative to it. Default: beside the script. */
  readonly kernelsUrl?: string;
  /**
   * Threads that compute. `auto` (default): one for each core but one, at least 2 where there are two cores, at most 8;
   * they need a cross-origin isolated page, and where there is none it is 1, as `model.info.backendReason` says. A
   * number that cannot be had is an error. The number changes no result.
   */
  readonly threads?: number | 'auto';
  /** Address of the script of a thread, in a page relative to it; `reads.js` is looked for beside it. Default: beside the script. */
  readonly threadUrl?: string;
  /** What attention reads. Default `{ method: 'auto' }`. */
  readonly attention?: AttentionOptions;
  /** What is kept of what was read; what is dropped stays in the store. Default `{ policy: 'keep-all' }`. */
  readonly retention?: RetentionOptions;
  /** How pages are encoded and where they rest. */
  readonly kv?: KvOptions;
  /**
   * Tokens a context may hold. Default: the model's own window. More is taken when set, with a warning, and may be read
   * badly. Memory grows with the tokens that are read, not with this. Phi-3's rotation is stretched only if this is beyond
   * its original window.
   */
  readonly maxTokens?: number;
  /**
   * Whether the files of a model loaded from a URL are kept on the device and read from there the next time, offline too.
   * Default: in a browser. Where they cannot be kept, the model is loaded all the same and `info.warnings` says why.
   */
  readonly cache?: boolean;
  /** Subresource integrity that the file must have, `sha256-…` in base64; for a model in parts, a list, one for each. */
  readonly integrity?: string | readonly string[];
}

const channels = (name: string, found: number | undefined): number | undefined =>
  found === undefined ? undefined : wholeNumber(name, found, 16, 16, 1024);

/** `options` with every default filled in; refuses what cannot be. The attention method checks its own. */
export const checkEngineOptions = (given: EngineOptions, hasIndexedDb: boolean) => {
  onlyKnown('load', given, [
    'preset',
    'backend',
    'gpuMemory',
    'cpuMemory',
    'kernels',
    'kernelsUrl',
    'threads',
    'threadUrl',
    'attention',
    'retention',
    'kv',
    'maxTokens',
    'cache',
    'integrity',
  ]);
  const options = withPreset(given);
  const kv = options.kv ?? {};
  onlyKnown('kv', kv, [
    ...['keys', 'values', 'keyChannels', 'valueChannels', 'store', 'memory', 'database'],
    ...['durability', 'disk', 'encryption', 'persist'],
  ]);
  flag('kv.persist', kv.persist);
  return {
    backend: oneOf('backend', options.backend, 'auto', ['auto', 'wasm', 'webgpu']),
    gpuMemory: byteCount('gpuMemory', options.gpuMemory) ?? Number.POSITIVE_INFINITY,
    cpuMemory: Math.min(byteCount('cpuMemory', options.cpuMemory, 1e6) ?? CPU_MEMORY, CPU_MEMORY),
    kernels: oneOf('kernels', options.kernels, 'auto', ['auto', 'relaxed', 'simd128']),
    kernelsUrl: text('kernelsUrl', options.kernelsUrl),
    threads:
      options.threads === undefined || options.threads === 'auto'
        ? ('auto' as const)
        : wholeNumber('threads', options.threads, 1, 1, MOST_THREADS),
    threadUrl: text('threadUrl', options.threadUrl),
    attention: options.attention ?? ({ method: 'auto' } as const),
    retention: options.retention ?? ({ policy: 'keep-all' } as const),
    keys: oneOf('kv.keys', kv.keys, 'q8', ['q8', 'q4', 'f16', 'auto']),
    values: oneOf('kv.values', kv.values, 'q8', ['q8', 'q4', 'q2', 'f16']),
    keyChannels: channels('kv.keyChannels', kv.keyChannels),
    valueChannels: channels('kv.valueChannels', kv.valueChannels),
    store: oneOf('kv.store', kv.store, hasIndexedDb ? 'idb' : 'memory', ['idb', 'opfs', 'memory', 'none']),
    memory: byteCount('kv.memory', kv.memory) ?? deviceBudget(),
    database: text('kv.database', kv.database) ?? 'longhand',
    durability: oneOf('kv.durability', kv.durability, 'relaxed', ['relaxed', 'strict']),
    disk: byteCount('kv.disk', kv.disk),
    encryption: checkSecret('kv.encryption', kv.encryption),
    cache: flag('cache', options.cache),
    integrity: options.integrity,
    maxTokens:
      options.maxTokens === undefined
        ? undefined
        : wholeNumber('maxTokens', options.maxTokens, 0, 1, 2 ** 24),
  };
};
