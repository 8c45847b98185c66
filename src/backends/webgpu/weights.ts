import { LonghandError } from '../../errors.js';
import type { Backend, Weight } from '../backend.js';
import { isFloat, ROW_FORMATS, rowBytes } from '../row-formats.js';
import { checkColumns } from '../shapes.js';
import type { GpuDevice, GpuWeight, WeightSlice } from './device.js';
import { gridOf } from './grid.js';
import {
  gpuFormats,
  laidOutBytes,
  layoutOf,
  layoutWords,
  PANEL,
  paneled,
  rawWords,
} from './weight-layout.js';

/** Rows pass through a buffer of about this size on their way to where they stay. */
const PIECE = 4 * 2 ** 20;

/** Whether the f16 whose bytes are at `at` is infinite or no number. */
const isBad = (bytes: Uint8Array, at: number): boolean => (bytes[at + 1]! & 0x7c) === 0x7c;

/** The first row, of those handed over, that has an f16 that is no finite number; −1: none. */
const badRow = ({ type, cols }: Weight, bytes: Uint8Array): number => {
  const { bytes: stretch } = ROW_FORMATS[type];
  const { minimums } = gpuFormats[type];
  if (isFloat(type) && type !== 'F16') return -1;
  for (let at = 0; at < bytes.length; at += stretch) {
    if (isBad(bytes, at) || (minimums && isBad(bytes, at + 2))) return Math.floor(at / rowBytes(type, cols));
  }
  return -1;
};

/** Weights, in slices that fit a binding. They are laid out while they arrive: a raw copy never exists as a whole. */
export const gpuWeights = (device: GpuDevice): Pick<Backend, 'weight' | 'fill'> => {
  const { buffers, recorder, granted } = device;

  const slicesFor = ({ label, type, rows, cols }: Weight): WeightSlice[] => {
    const layout = layoutOf(type, rows, cols);
    const each = laidOutBytes(layout);
    const most = Math.floor(granted.bindingBytes / each / PANEL) * PANEL;
    const whole = paneled(layout, rows) * each <= granted.bindingBytes;
    if (!whole && most === 0) {
      throw new LonghandError(
        'memory/device',
        `${PANEL} rows of ${label} have ${PANEL * each} bytes; this GPU binds ${granted.bindingBytes} at once. Use the CPU backend.`,
        { label, requested: PANEL * each, available: granted.bindingBytes },
      );
    }
    const step = whole ? rows : most;
    const slices: WeightSlice[] = [];
    try {
      for (let from = 0; from < rows; from += step) {
        const some = Math.min(step, rows - from);
        const buffer = buffers.take(label, paneled(layout, some) * each, 'weights');
        slices.push({ buffer, from, rows: some });
        recorder.clear(buffer, 0, buffer.bytes);
      }
    } catch (error) {
      for (const { buffer } of slices) buffers.give(buffer);
      throw error;
    }
    return slices;
  };

  return {
    weight: (label, type, rows, cols): GpuWeight => {
      checkColumns(label, type, cols);
      const slices = slicesFor({ label, type, rows, cols });
      const release = (): void => {
        for (const { buffer } of slices) buffers.give(buffer);
      };
      return { label, type, rows, cols, slices, release };
    },

    fill: (weight, row, bytes) => {
      const { label, type, rows, cols, slices } = weight as GpuWeight;
      const each = rowBytes(type, cols);
      const count = bytes.length / each;
      if (!Number.isInteger(count) || row < 0 || row + count > rows) {
        throw new LonghandError(
          'internal',
          `${bytes.length} bytes from row ${row} on are no whole rows of ${label} (${rows} of ${each}). Please report this.`,
        );
      }
      const bad = badRow(weight, bytes);
      if (bad >= 0) {
        throw new LonghandError(
          'model/corrupt',
          `${label} has a scale that is infinite or no number, near row ${row + bad}. Download the file again.`,
          { label, row: row + bad },
        );
      }
      const layout = layoutOf(type, rows, cols);
      const words = laidOutBytes(layout) / 4;
      const most = Math.max(1, Math.floor(PIECE / each));
      for (const { buffer, from, rows: held } of slices) {
        const end = Math.min(row + count, from + held);
        for (let at = Math.max(row, from); at < end; at += most) {
          const some = Math.min(most, end - at);
          const raw = buffers.take(`${label}, raw`, some * each + 4, 'activations');
          recorder.write(raw, 0, bytes.subarray((at - row) * each, (at - row + some) * each));
          recorder.run({
            kernel: 'pack',
            params: [...layoutWords(layout, held), some, at - from, ...rawWords(type, cols)],
            buffers: [buffer, raw],
            groups: gridOf(some * words),
          });
          buffers.give(raw);
        }
      }
    },
  };
};
