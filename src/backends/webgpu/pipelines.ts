import { LonghandError } from '../../errors.js';
import type { Failures } from './failures.js';
import { type KernelName, kernels } from './kernels.js';
import type { GpuGranted } from './request.js';

/** Values of a kernel's `override` constants. */
export type Overrides = Readonly<Record<string, number>>;

export interface Pipelines {
  /** Bind group 0 of every kernel: its parameters, at a dynamic offset. */
  readonly parameters: GPUBindGroupLayout;
  bindings(kernel: KernelName): GPUBindGroupLayout;
  /** Compiled now, if it was not yet. Asking for it ahead keeps the first call from waiting. */
  get(kernel: KernelName, overrides?: Overrides): GPUComputePipeline;
  /** Compile in the background. Resolves when it is done; compiling twice costs nothing. */
  prepare(kernel: KernelName, overrides?: Overrides): Promise<void>;
  /** Pipelines that were compiled. */
  readonly count: number;
}

const NONE: Overrides = {};
const keyOf = (kernel: KernelName, overrides: Overrides): string => `${kernel} ${JSON.stringify(overrides)}`;

/** Every pipeline is created once. */
export const createPipelines = (
  { device, packedDots }: GpuGranted,
  shaders: Readonly<Record<string, string>>,
  failures: Failures,
): Pipelines => {
  const ready = new Map<string, GPUComputePipeline>();
  const pending = new Map<string, Promise<void>>();
  const modules = new Map<KernelName, GPUShaderModule>();
  const layouts = new Map<KernelName, GPUBindGroupLayout>();
  let count = 0;

  const parameters = device.createBindGroupLayout({
    label: 'parameters',
    entries: [
      { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
    ],
  });

  const bindings = (kernel: KernelName): GPUBindGroupLayout => {
    let layout = layouts.get(kernel);
    if (!layout) {
      const entries = [...kernels[kernel]].map((letter, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: letter === 'r' ? ('read-only-storage' as const) : ('storage' as const) },
      }));
      layout = device.createBindGroupLayout({ label: kernel, entries });
      layouts.set(kernel, layout);
    }
    return layout;
  };

  const moduleOf = (kernel: KernelName): GPUShaderModule => {
    let module = modules.get(kernel);
    if (!module) {
      const code = (packedDots ? shaders[`${kernel}+packed`] : undefined) ?? shaders[kernel];
      if (code === undefined) {
        throw new LonghandError('internal', `shaders.json has no ${kernel}: it is of another version.`);
      }
      module = failures.guard('validation', `the kernel ${kernel}`, () =>
        device.createShaderModule({ label: kernel, code }),
      );
      modules.set(kernel, module);
    }
    return module;
  };

  const descriptor = (kernel: KernelName, overrides: Overrides): GPUComputePipelineDescriptor => {
    count++;
    return {
      label: kernel,
      layout: device.createPipelineLayout({ bindGroupLayouts: [parameters, bindings(kernel)] }),
      compute: { module: moduleOf(kernel), entryPoint: 'main', constants: { ...overrides } },
    };
  };

  return {
    parameters,
    bindings,
    get: (kernel, overrides = NONE) => {
      const key = keyOf(kernel, overrides);
      let pipeline = ready.get(key);
      if (!pipeline) {
        pipeline = failures.guard('validation', `the kernel ${kernel}`, () =>
          device.createComputePipeline(descriptor(kernel, overrides)),
        );
        ready.set(key, pipeline);
      }
      return pipeline;
    },
    prepare: (kernel, overrides = NONE) => {
      const key = keyOf(kernel, overrides);
      if (ready.has(key)) return Promise.resolve();
      let promise = pending.get(key);
      if (!promise) {
        promise = device.createComputePipelineAsync(descriptor(kernel, overrides)).then(
          (pipeline) => {
            if (!ready.has(key)) ready.set(key, pipeline);
          },
          (cause: unknown) => {
            const message = `The GPU's compiler refused the kernel ${kernel}: ${String(cause)}. Please report this.`;
            throw new LonghandError('internal', message, { kernel }, { cause });
          },
        );
        pending.set(key, promise);
      }
      return promise;
    },
    get count() {
      return count;
    },
  };
};
