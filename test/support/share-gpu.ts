/**
 * One device for all tests of a page. A GPU in software compiles a kernel for seconds, and again for every device: here each
 * is compiled once, however many devices the tests open, in whichever file. What they see are devices of their own: buffers,
 * limits, errors, an end. Only compiled kernels are common property.
 */

/** What outlasts a test file: vitest runs each of them in a frame of one page. */
interface Shared {
  readonly adapter: GPUAdapter;
  /** By what was asked of the adapter. */
  readonly devices: Map<string, Promise<Compiled>>;
}

interface Compiled {
  readonly device: GPUDevice;
  /** Modules, layouts and pipelines, by what they are made of. */
  readonly made: Map<string, unknown>;
  readonly names: WeakMap<object, number>;
}

const PLACE = 'longhand, the shared GPU';
type Page = Window & { [PLACE]?: Promise<Shared | undefined> };

const page = (): Page => (globalThis.parent ?? globalThis) as unknown as Page;

const sharedOf = (options?: GPURequestAdapterOptions): Promise<Shared | undefined> => {
  const open = async (): Promise<Shared | undefined> => {
    const adapter = await page().navigator.gpu.requestAdapter(options);
    return adapter ? { adapter, devices: new Map() } : undefined;
  };
  page()[PLACE] ??= open();
  return page()[PLACE]!;
};

const compiledOf = ({ adapter, devices }: Shared, wanted: GPUDeviceDescriptor): Promise<Compiled> => {
  const key = JSON.stringify(wanted);
  let found = devices.get(key);
  if (!found) {
    found = adapter
      .requestDevice(wanted)
      .then((device) => ({ device, made: new Map(), names: new WeakMap() }));
    devices.set(key, found);
  }
  return found;
};

/** A device of one's own over one that has compiled before. */
const ownDevice = ({ device, made, names }: Compiled): GPUDevice => {
  const buffers = new Set<GPUBuffer>();
  const listeners: [string, EventListener][] = [];
  let end: (info: GPUDeviceLostInfo) => void = () => {};
  const ended = new Promise<GPUDeviceLostInfo>((resolve) => {
    end = resolve;
  });
  let last = 0;
  const nameOf = (thing: object): number => {
    const name = names.get(thing) ?? made.size * 1000 + ++last;
    names.set(thing, name);
    return name;
  };
  const once = <T>(key: string, make: () => T): T => {
    if (!made.has(key)) made.set(key, make());
    return made.get(key) as T;
  };
  const pipelineKey = ({ layout, compute }: GPUComputePipelineDescriptor): string =>
    `pipeline ${nameOf(layout as object)} ${nameOf(compute.module)} ${JSON.stringify(compute.constants)}`;
  const own = {
    lost: Promise.race([ended, device.lost]),
    destroy: (): void => {
      for (const buffer of buffers) buffer.destroy();
      for (const [type, listener] of listeners)
        device.removeEventListener(type as 'uncapturederror', listener);
      end({ reason: 'destroyed', message: 'The test ended it.' } as GPUDeviceLostInfo);
    },
    addEventListener: (type: string, listener: EventListener): void => {
      listeners.push([type, listener]);
      device.addEventListener(type as 'uncapturederror', listener);
    },
    createBuffer: (wanted: GPUBufferDescriptor): GPUBuffer => {
      const buffer = device.createBuffer(wanted);
      buffers.add(buffer);
      return buffer;
    },
    createShaderModule: (wanted: GPUShaderModuleDescriptor): GPUShaderModule =>
      once(`module ${wanted.code}`, () => device.createShaderModule(wanted)),
    createBindGroupLayout: (wanted: GPUBindGroupLayoutDescriptor): GPUBindGroupLayout =>
      once(`layout ${JSON.stringify(wanted.entries)}`, () => device.createBindGroupLayout(wanted)),
    createPipelineLayout: (wanted: GPUPipelineLayoutDescriptor): GPUPipelineLayout =>
      once(`layouts ${[...wanted.bindGroupLayouts].map((one) => nameOf(one!)).join(' ')}`, () =>
        device.createPipelineLayout(wanted),
      ),
    createComputePipeline: (wanted: GPUComputePipelineDescriptor): GPUComputePipeline =>
      once(pipelineKey(wanted), () => device.createComputePipeline(wanted)),
    createComputePipelineAsync: async (wanted: GPUComputePipelineDescriptor): Promise<GPUComputePipeline> => {
      const key = pipelineKey(wanted);
      const pipeline = made.get(key) ?? (await device.createComputePipelineAsync(wanted));
      return once(key, () => pipeline as GPUComputePipeline);
    },
  };
  return new Proxy(device, {
    get: (_, name) => {
      if (name in own) return own[name as keyof typeof own];
      const value = Reflect.get(device, name) as unknown;
      return typeof value === 'function' ? value.bind(device) : value;
    },
  });
};

/** From now on `navigator.gpu` gives devices that share their kernels. Call what it returns to have one's own again. */
export const shareGpu = (): (() => void) => {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) return () => {};
  const shared = {
    wgslLanguageFeatures: gpu.wgslLanguageFeatures,
    requestAdapter: async (options?: GPURequestAdapterOptions) => {
      const found = await sharedOf(options);
      if (!found) return null;
      const { adapter } = found;
      return {
        info: adapter.info,
        limits: adapter.limits,
        features: adapter.features,
        requestDevice: async (wanted: GPUDeviceDescriptor = {}) => ownDevice(await compiledOf(found, wanted)),
      };
    },
  };
  Object.defineProperty(navigator, 'gpu', { configurable: true, value: shared });
  return () => {
    Object.defineProperty(navigator, 'gpu', { configurable: true, value: gpu });
  };
};
