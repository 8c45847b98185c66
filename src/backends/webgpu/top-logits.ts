import type { Backend } from '../backend.js';
import { demand, isTop } from '../shapes.js';
import { apart } from './apart.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';

/** Numbers that a workgroup sorts (shaders/top-logits.wgsl). */
const SORTED = 1024;

/** The greatest of many numbers, in as many rounds as it takes until one workgroup has them. */
export const gpuTopLogits = (device: GpuDevice): Pick<Required<Backend>, 'topLogits'> => {
  const { buffers, recorder } = device;
  return {
    topLogits: (out, logits) => {
      demand(isTop(out) && logits.rows === 1, 'topLogits', out, logits);
      const count = out.rows - 1;
      const groupsOf = (n: number, numbers: boolean): number =>
        Math.max(1, Math.ceil(n / (numbers ? SORTED : Math.floor(SORTED / count))));
      apart(device, logits, out, (source, start) => {
        let [from, at, n] = [source, start, logits.cols];
        for (let numbers = true; ; numbers = false) {
          const groups = groupsOf(n, numbers);
          const last = groups === 1;
          const bytes = groups * (count + 1) * 8;
          const to = last ? bufferOf(out) : buffers.take('greatest of groups', bytes, 'activations');
          recorder.run({
            kernel: 'top-logits',
            params: [at, n, count, Number(numbers), last ? startOf(out) : 0, Number(last)],
            buffers: [to, from],
            groups: [groups],
          });
          if (!numbers) buffers.give(from);
          if (last) return;
          [from, at, n] = [to, 0, groups];
        }
      });
    },
  };
};
