import type { BufferKind, GpuBuffer } from './buffers.js';
import type { GpuDevice } from './device.js';

/** Device memory that grows by at least an eighth when it must, keeping its content. Its buffer changes when it grows. */
export interface GpuGrowing {
  readonly buffer: GpuBuffer;
  /** Room for `bytes`; what was there stays. */
  reserve(bytes: number): void;
  release(): void;
}

/** `bytes`: at first. Content is undefined until it is written. */
export const growing = (
  { buffers, recorder }: GpuDevice,
  label: string,
  kind: BufferKind,
  bytes: number,
): GpuGrowing => {
  let buffer = buffers.take(label, bytes, kind);
  let held = true;
  return {
    get buffer() {
      return buffer;
    },
    reserve(bytes) {
      if (bytes <= buffer.bytes) return;
      const wider = buffers.take(label, Math.max(bytes, buffer.bytes + Math.ceil(buffer.bytes / 8)), kind);
      recorder.copy(wider, 0, buffer, 0, buffer.bytes);
      buffers.give(buffer);
      buffer = wider;
    },
    release() {
      if (held) buffers.give(buffer);
      held = false;
    },
  };
};
