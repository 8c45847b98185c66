import { LonghandError } from '../../errors.js';
import type { Backend } from '../backend.js';
import { size } from '../shapes.js';
import { bufferOf, type GpuDevice, type GpuTensor, startOf } from './device.js';

type Verbs = Pick<Backend, 'tensor' | 'view' | 'upload' | 'read' | 'free' | 'bytes' | 'flush' | 'close'>;

const internal = (message: string): LonghandError =>
  new LonghandError('internal', `${message} Please report this.`);

/** Memory for activations, and what is not of one kind of thing. */
export const gpuTensors = (device: GpuDevice): Verbs => {
  const { buffers, recorder } = device;
  return {
    tensor: (label, rows, cols): GpuTensor => {
      const buffer = buffers.take(label, rows * cols * 4, 'activations');
      return { label, rows, cols, buffer, at: 0, release: () => buffers.give(buffer) };
    },

    view: (tensor, rows, cols, at = 0): GpuTensor => {
      if (at < 0 || at + rows * cols > size(tensor)) {
        throw internal(`A view of ${rows} × ${cols} from element ${at} leaves ${tensor.label}.`);
      }
      const { label, buffer, at: start } = tensor as GpuTensor;
      return { label, rows, cols, buffer, at: start + at, release: () => {} };
    },

    upload: (tensor, values) => {
      if (values.length !== size(tensor)) {
        throw internal(
          `${values.length} values were uploaded to ${tensor.label} (${tensor.rows} × ${tensor.cols}).`,
        );
      }
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      recorder.write(bufferOf(tensor), startOf(tensor) * 4, bytes);
    },

    read: async (tensor) =>
      new Float32Array(await recorder.read(bufferOf(tensor), startOf(tensor) * 4, size(tensor) * 4)),

    free: (thing) => (thing as GpuTensor).release(),
    bytes: () => buffers.bytes(),
    flush: () => recorder.submit(),
    close: () => device.close(),
  };
};
