import { LonghandError } from '../../errors.js';
import type { Buffers, GpuBuffer } from './buffers.js';
import type { Failures } from './failures.js';
import type { KernelName } from './kernels.js';
import type { Overrides, Pipelines } from './pipelines.js';
import { createReading, hasRoom, type Reading } from './readings.js';

export interface Dispatch {
  readonly kernel: KernelName;
  readonly overrides?: Overrides;
  /** The words of the kernel's `Params`, in order; `f32` makes words of numbers. */
  readonly params: readonly number[];
  /** In the order of the kernel's bindings; the first one is written. */
  readonly buffers: readonly GpuBuffer[];
  /** Of the others, those that are written too. */
  readonly alsoWrites?: readonly GpuBuffer[];
  readonly groups: readonly [x: number, y?: number, z?: number];
}

/** What a device was asked to do. */
export interface RecorderCounts {
  dispatches: number;
  submits: number;
  /** Bytes handed over, parameters and lists too. */
  written: number;
  /** Bytes read back. */
  read: number;
}

export interface Recorder {
  run(dispatch: Dispatch): void;
  /** `bytes` (a multiple of 4) from one buffer to another. */
  copy(to: GpuBuffer, toByte: number, from: GpuBuffer, fromByte: number, bytes: number): void;
  clear(buffer: GpuBuffer, from: number, bytes: number): void;
  /** Numbers for one dispatch to come: where they begin in `lists`, in words. */
  list(words: ArrayLike<number>): number;
  /** The buffer that `list` writes to. A dispatch that reads a list follows it at once. */
  readonly lists: GpuBuffer;
  /** A word that a dispatch writes 1 + page to when it was to read a page that is cold: the next `read` rejects. */
  readonly faults: GpuBuffer;
  /** Bytes at a multiple of 4, padded to one; what was recorded before sees what was there before. */
  write(to: GpuBuffer, toByte: number, bytes: Uint8Array): void;
  submit(): void;
  /** The bytes as they are after everything recorded. */
  read(from: GpuBuffer, fromByte: number, bytes: number): Promise<ArrayBuffer>;
  /** Since the start. */
  readonly counts: RecorderCounts;
}

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);
/** A number as the word that an f32 in `Params` is read from. */
export const f32 = (value: number): number => {
  floats[0] = value;
  return words[0]!;
};

/** A dispatch's parameters: the greatest alignment that devices ask for, and room for 64 words. */
const SLOT = 256;
/** Dispatches in one submission at most. */
const SLOTS = 1024;
const LIST_WORDS = 1 << 18;
/** Bind groups are kept; beyond so many, those of buffers that are gone are most of them. */
const MOST_GROUPS = 4096;

/**
 * Verbs are encoded when they are called and run when they are submitted. Parameters and lists of a submission are
 * gathered here and written in one go in front of it: the queue runs writes and submissions in order, so the same
 * memory serves every submission.
 */
export const createRecorder = (
  device: GPUDevice,
  buffers: Buffers,
  pipelines: Pipelines,
  failures: Failures,
): Recorder => {
  const uniform = device.createBuffer({
    label: 'parameters',
    size: SLOT * SLOTS,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const parameterGroup = device.createBindGroup({
    layout: pipelines.parameters,
    entries: [{ binding: 0, resource: { buffer: uniform, size: SLOT } }],
  });
  const lists = buffers.take('lists', LIST_WORDS * 4, 'activations');
  const faults = buffers.take('faults', 4, 'activations');
  const parameters = new Uint32Array((SLOT / 4) * SLOTS);
  const listed = new Uint32Array(LIST_WORDS);
  const counts: RecorderCounts = { dispatches: 0, submits: 0, written: 0, read: 0 };
  let open: Reading | undefined;
  const groups = new Map<string, GPUBindGroup>();
  device.queue.writeBuffer(faults.memory, 0, new Uint32Array(1));
  let encoder: GPUCommandEncoder | undefined;
  let pass: GPUComputePassEncoder | undefined;
  let slots = 0;
  let listEnd = 0;

  const groupOf = (kernel: KernelName, bound: readonly GpuBuffer[]): GPUBindGroup => {
    const key = `${kernel} ${bound.map(({ id }) => id).join(' ')}`;
    let group = groups.get(key);
    if (!group) {
      if (groups.size >= MOST_GROUPS) groups.clear();
      group = device.createBindGroup({
        label: kernel,
        layout: pipelines.bindings(kernel),
        entries: bound.map(({ memory }, binding) => ({ binding, resource: { buffer: memory } })),
      });
      groups.set(key, group);
    }
    return group;
  };

  const encoding = (): GPUCommandEncoder => {
    failures.check();
    encoder ??= device.createCommandEncoder();
    return encoder;
  };

  const endPass = (): void => {
    pass?.end();
    pass = undefined;
  };

  const submit = (): void => {
    if (!encoder) return;
    endPass();
    const reading = open;
    open = undefined;
    if (reading) {
      encoder.copyBufferToBuffer(faults.memory, 0, reading.staging.memory, 0, 4);
      encoder.clearBuffer(faults.memory, 0, 4);
    }
    const recorded = encoder;
    encoder = undefined;
    if (slots > 0) device.queue.writeBuffer(uniform, 0, parameters, 0, (slots * SLOT) / 4);
    if (listEnd > 0) device.queue.writeBuffer(lists.memory, 0, listed, 0, listEnd);
    counts.written += slots * SLOT + listEnd * 4;
    slots = 0;
    listEnd = 0;
    counts.submits++;
    failures.guard('validation', 'commands', () => device.queue.submit([recorded.finish()]));
    reading?.submitted();
  };

  /** What is asked for before anybody waits comes back at once. */
  const openFor = (bytes: number): Reading => {
    if (open && hasRoom(open, bytes)) return open;
    if (open) submit();
    const reading = createReading(buffers, failures, bytes);
    open = reading;
    queueMicrotask(() => {
      if (open === reading) submit();
    });
    return reading;
  };

  buffers.onDestroy = () => {
    submit();
    groups.clear();
  };

  return {
    lists,
    faults,
    counts,
    submit,

    run: ({ kernel, overrides, params, buffers: bound, alsoWrites = [], groups: grid }) => {
      const [x, y = 1, z = 1] = grid;
      const most = device.limits.maxComputeWorkgroupsPerDimension;
      if (Math.max(x, y, z) > most || params.length * 4 > SLOT) {
        throw new LonghandError('internal', `${kernel} was to run in ${x} × ${y} × ${z} groups of ${most}.`);
      }
      if (Math.min(x, y, z) === 0) return;
      pass ??= encoding().beginComputePass();
      parameters.set(params, (slots * SLOT) / 4);
      pass.setPipeline(pipelines.get(kernel, overrides));
      pass.setBindGroup(0, parameterGroup, [slots * SLOT]);
      pass.setBindGroup(1, groupOf(kernel, bound));
      pass.dispatchWorkgroups(x, y, z);
      bound[0]!.version++;
      for (const buffer of alsoWrites) buffer.version++;
      counts.dispatches++;
      if (++slots === SLOTS) submit();
    },

    copy: (to, toByte, from, fromByte, bytes) => {
      encoding();
      endPass();
      encoder!.copyBufferToBuffer(from.memory, fromByte, to.memory, toByte, bytes);
      to.version++;
    },

    clear: (buffer, from, bytes) => {
      encoding();
      endPass();
      encoder!.clearBuffer(buffer.memory, from, bytes);
      buffer.version++;
    },

    list: (some) => {
      failures.check();
      if (some.length > LIST_WORDS) {
        throw new LonghandError('internal', `A list of ${some.length} words does not fit ${LIST_WORDS}.`);
      }
      // Not in the middle of what another dispatch of the same submission still needs.
      if (listEnd + some.length > LIST_WORDS || slots + 1 >= SLOTS) submit();
      const start = listEnd;
      listed.set(some, start);
      listEnd += some.length;
      return start;
    },

    write: (to, toByte, bytes) => {
      failures.check();
      submit();
      counts.written += bytes.length;
      const whole = bytes.length & ~3;
      device.queue.writeBuffer(to.memory, toByte, bytes as Uint8Array<ArrayBuffer>, 0, whole);
      if (whole < bytes.length) {
        const rest = new Uint8Array(4);
        rest.set(bytes.subarray(whole));
        device.queue.writeBuffer(to.memory, toByte + whole, rest);
      }
      to.version++;
    },

    read: async (from, fromByte, bytes) => {
      encoding();
      const reading = openFor(bytes);
      encoding();
      endPass();
      const at = reading.bytes;
      encoder!.copyBufferToBuffer(from.memory, fromByte, reading.staging.memory, at, bytes);
      reading.bytes += bytes;
      counts.read += bytes;
      return (await reading.done).slice(at, at + bytes);
    },
  };
};
