import { LonghandError } from '../../errors.js';
import { isSoftware, wordsOf } from './is-software.js';

/** What is used where a device has it, and done without where it has not. */
export type GpuFeature = 'packed-dots';

export interface GpuOptions {
  /** The text of `shaders.json`, parsed: kernels by name. */
  readonly shaders: Readonly<Record<string, string>>;
  /** Do without these, as a device would that has none. Default: none. */
  readonly without?: readonly GpuFeature[];
  /** Most bytes of a binding, under the device's own limit: weights that are larger are split. Default: the device's. */
  readonly bindingBytes?: number;
  /** Most bytes of all buffers; what would pass it is refused before it is allocated. Default: no limit of ours. */
  readonly memory?: number;
}

/** An adapter's device and what we may count on. */
export interface GpuGranted {
  readonly device: GPUDevice;
  /** As the adapter describes itself, for `model.info`. */
  readonly description: string;
  readonly isSoftware: boolean;
  readonly packedDots: boolean;
  /** Most bytes of one buffer that is bound whole. */
  readonly bufferBytes: number;
  /** The same for slices of weights. */
  readonly bindingBytes: number;
  readonly memory: number;
}

// Everything else may stay at the specification's least.
const RAISED = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

const missing = (message: string): LonghandError =>
  new LonghandError(
    'unsupported/backend',
    `There is no WebGPU here: ${message}. Leave \`backend\` at 'auto', or ask for 'wasm'.`,
    { backend: 'webgpu' },
  );

/** A device with the adapter's own limits on buffers. No feature is required. */
export const requestGpu = async (options: GpuOptions): Promise<GpuGranted> => {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) throw missing('this engine has no `navigator.gpu`, or the page is not a secure context');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw missing('the browser offers no adapter');
  const requiredLimits = Object.fromEntries(RAISED.map((name) => [name, adapter.limits[name]]));
  const device = await adapter.requestDevice({ requiredLimits }).catch((cause: unknown) => {
    throw missing(`the adapter gives no device (${String(cause)})`);
  });
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const bufferBytes = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return {
    device,
    description: wordsOf(adapter.info),
    isSoftware: isSoftware(adapter.info),
    packedDots:
      gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product') &&
      !options.without?.includes('packed-dots'),
    bufferBytes,
    bindingBytes: Math.min(bufferBytes, options.bindingBytes ?? bufferBytes),
    memory: options.memory ?? Number.POSITIVE_INFINITY,
  };
};
