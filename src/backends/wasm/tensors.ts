import { LonghandError } from '../../errors.js';
import type { Backend, Tensor, Weight } from '../backend.js';
import { rowBytes } from '../row-formats.js';
import { checkColumns } from '../shapes.js';
import type { Device, WasmTensor, WasmWeight } from './device.js';

/** Weight rows (outputs) that are packed together: kernels compute this many outputs at once. */
const TILE = 16;
/** Raw rows pass through scratch memory in pieces of about this size. */
const PIECE = 1 << 18;

/** A vector (a gain, a bias) stays as it is; every other weight is padded to whole tiles. */
const packedBytes = ({ type, rows, cols }: Weight): number => {
  const packedRows = type === 'F32' && rows === 1 ? 1 : Math.ceil(rows / TILE) * TILE;
  return packedRows * rowBytes(type, cols);
};

const internal = (message: string): LonghandError =>
  new LonghandError('internal', `${message} Please report this.`);

/** Memory for activations and weights. Weights are packed while they arrive: a raw copy never exists as a whole. */
export const wasmTensors = ({
  heap,
  kernels,
}: Device): Pick<Backend, 'tensor' | 'view' | 'weight' | 'fill' | 'upload' | 'read' | 'peek'> => ({
  tensor: (label, rows, cols): WasmTensor => {
    const start = heap.alloc(rows * cols * 4, 'activations');
    return { label, rows, cols, start, release: () => heap.free(start) };
  },

  view: (tensor, rows, cols, at = 0): WasmTensor => {
    if (at < 0 || at + rows * cols > tensor.rows * tensor.cols) {
      throw internal(`A view of ${rows} × ${cols} from element ${at} leaves ${tensor.label}.`);
    }
    const { label, start } = tensor as WasmTensor;
    return { label, rows, cols, start: start + at * 4, release: () => {} };
  },

  weight: (label, type, rows, cols): WasmWeight => {
    checkColumns(label, type, cols);
    const weight = { label, type, rows, cols };
    const bytes = packedBytes(weight);
    const start = heap.alloc(bytes, 'weights');
    heap.u8(start, bytes).fill(0);
    return { ...weight, start, release: () => heap.free(start) };
  },

  fill: (weight, row, bytes) => {
    const { label, type, rows, cols, start } = weight as WasmWeight;
    const size = rowBytes(type, cols);
    const count = bytes.length / size;
    if (!Number.isInteger(count) || row < 0 || row + count > rows) {
      throw internal(
        `${bytes.length} bytes from row ${row} on are no whole rows of ${label} (${rows} of ${size}).`,
      );
    }
    if (type === 'F32' && rows === 1) {
      heap.u8(start, bytes.length).set(bytes);
      return;
    }
    const step = Math.max(1, Math.floor(PIECE / size));
    const scratch = heap.scratch(Math.min(step, count) * size);
    for (let from = 0; from < count; from += step) {
      const some = Math.min(step, count - from);
      heap.u8(scratch, some * size).set(bytes.subarray(from * size, (from + some) * size));
      if (kernels[`pack${type}`]!(start, scratch, row + from, some, cols) !== 0) {
        throw new LonghandError(
          'model/corrupt',
          `${label} has a scale that is infinite or no number, near row ${row + from}. Download the file again.`,
          { label, row: row + from },
        );
      }
    }
  },

  upload: (tensor: Tensor, values) => {
    if (values.length !== tensor.rows * tensor.cols) {
      throw internal(
        `${values.length} values were uploaded to ${tensor.label} (${tensor.rows} × ${tensor.cols}).`,
      );
    }
    heap.f32((tensor as WasmTensor).start, values.length).set(values);
  },

  peek: (tensor) => heap.f32((tensor as WasmTensor).start, tensor.rows * tensor.cols),

  read: async (tensor) => heap.f32((tensor as WasmTensor).start, tensor.rows * tensor.cols).slice(),
});
