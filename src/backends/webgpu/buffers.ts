import { LonghandError } from '../../errors.js';
import type { BackendBytes } from '../backend.js';
import type { Failures } from './failures.js';
import type { GpuGranted } from './request.js';

export type BufferKind = keyof Omit<BackendBytes, 'total'>;

/** A buffer with what we keep track of. `version` counts the times that something was written to it. */
export interface GpuBuffer {
  readonly id: number;
  readonly memory: GPUBuffer;
  readonly bytes: number;
  readonly kind: BufferKind | 'staging';
  version: number;
}

export interface Buffers {
  /** At least so many bytes, of undefined content. */
  take(label: string, bytes: number, kind: BufferKind): GpuBuffer;
  /** For reading back: it can be mapped. */
  takeStaging(bytes: number): GpuBuffer;
  /** Whoever takes it next may write it after what has been recorded with it until now. */
  give(buffer: GpuBuffer): void;
  /** By kind as taken; `total` also counts what lies in the pool and what serves reading back. */
  bytes(): BackendBytes;
  /** Called with a buffer before it is gone for good: nothing recorded may still wait for submission. */
  onDestroy: () => void;
}

/** Idle bytes that are kept for whoever asks next. */
const MOST_IDLE = 64 * 2 ** 20;
/** Larger ones are weights, which are not taken twice. */
const LARGEST_POOLED = 16 * 2 ** 20;

/** Sizes that are asked for differ from text to text; rounded up to quarters of a power of two they can be used again. */
const roomFor = (bytes: number): number => {
  const least = Math.max(256, bytes);
  if (least > LARGEST_POOLED) return Math.ceil(least / 256) * 256;
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(least)) - 2));
  return Math.ceil(least / step) * step;
};

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Every buffer of the device: counted, and pooled where it is small. */
export const createBuffers = (granted: GpuGranted, failures: Failures): Buffers => {
  const { device, memory: budget, bufferBytes } = granted;
  const idle: GpuBuffer[] = [];
  const held = { weights: 0, activations: 0, pages: 0, chunks: 0, staging: 0 };
  let idleBytes = 0;
  let total = 0;
  let ids = 0;

  const drop = (buffer: GpuBuffer): void => {
    buffers.onDestroy();
    total -= buffer.bytes;
    buffer.memory.destroy();
  };

  const shrink = (most: number): void => {
    while (idleBytes > most) {
      const oldest = idle.shift()!;
      idleBytes -= oldest.bytes;
      drop(oldest);
    }
  };

  const create = (label: string, bytes: number, kind: GpuBuffer['kind']): GpuBuffer => {
    if (total + bytes > budget) shrink(Math.max(0, idleBytes - (total + bytes - budget)));
    if (total + bytes > budget) {
      throw new LonghandError(
        'memory/device',
        `${label} needs ${megabytes(bytes)} on the GPU; ${megabytes(total)} of the ${megabytes(budget)} that \`memory\` allows are in use. Use a smaller model or budget.`,
        { requested: bytes, used: total, available: Math.max(0, budget - total) },
      );
    }
    const usage =
      kind === 'staging'
        ? GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
        : GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const memory = failures.guard('out-of-memory', `${label} (${megabytes(bytes)})`, () =>
      device.createBuffer({ label, size: bytes, usage }),
    );
    total += bytes;
    return { id: ++ids, memory, bytes, kind, version: 0 };
  };

  const take = (label: string, bytes: number, kind: GpuBuffer['kind']): GpuBuffer => {
    failures.check();
    const room = roomFor(bytes);
    if (bytes > bufferBytes) {
      throw new LonghandError(
        'memory/device',
        `${label} needs a buffer of ${megabytes(bytes)}; this GPU's largest has ${megabytes(bufferBytes)}. Use a smaller model or segment.`,
        { requested: bytes, available: bufferBytes },
      );
    }
    const found = idle.findIndex((one) => one.bytes === room && one.kind === kind);
    const buffer = found < 0 ? create(label, room, kind) : idle[found]!;
    if (found >= 0) {
      idle.splice(found, 1);
      idleBytes -= buffer.bytes;
    }
    held[kind] += buffer.bytes;
    return buffer;
  };

  const buffers: Buffers = {
    take,
    takeStaging: (bytes) => take('read back', bytes, 'staging'),
    give: (buffer) => {
      held[buffer.kind] -= buffer.bytes;
      if (buffer.bytes > LARGEST_POOLED) {
        drop(buffer);
        return;
      }
      buffer.version++;
      idle.push(buffer);
      idleBytes += buffer.bytes;
      shrink(MOST_IDLE);
    },
    bytes: () => {
      const { weights, activations, pages, chunks } = held;
      return { weights, activations, pages, chunks, total };
    },
    onDestroy: () => {},
  };
  return buffers;
};
