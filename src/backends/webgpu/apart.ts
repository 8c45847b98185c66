import type { Tensor } from '../backend.js';
import { size } from '../shapes.js';
import type { GpuBuffer } from './buffers.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';

/**
 * A dispatch must not bind a buffer twice when it writes to it, not even different parts. Where `x` lies in the buffer
 * that `out` is written to, `use` gets a copy of it, made in front of the dispatch.
 */
export const apart = (
  { buffers, recorder }: GpuDevice,
  x: Tensor,
  out: Tensor,
  use: (buffer: GpuBuffer, at: number) => void,
): void => {
  const buffer = bufferOf(x);
  if (buffer !== bufferOf(out)) {
    use(buffer, startOf(x));
    return;
  }
  const bytes = size(x) * 4;
  const copy = buffers.take(`copy of ${x.label}`, bytes, 'activations');
  recorder.copy(copy, 0, buffer, startOf(x) * 4, bytes);
  use(copy, 0);
  buffers.give(copy);
};
