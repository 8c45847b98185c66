import type { Device } from './device.js';
import { type RangedKernel, rangedKernels } from './shares.js';

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/**
 * Room for the arguments of a ranged kernel (`bytes`), followed by the scratch of each thread, which begin on cache lines
 * of their own. Scratch memory: it lasts until the next verb.
 */
export const rangedRoom = ({ heap, jobs }: Device, bytes: number, scratch: number): number =>
  heap.scratch(lines(bytes) + jobs.threads * lines(scratch));

/** Items [0, items) of a kernel whose arguments are in `rangedRoom` at `args`; about `microseconds` of one thread. */
export const runRanged = (
  { jobs }: Device,
  kernel: RangedKernel,
  args: number,
  bytes: number,
  scratch: number,
  items: number,
  microseconds: number,
): void => {
  if (items === 0) return;
  const grain = Math.ceil(items / jobs.pieces(microseconds));
  jobs.run({
    share: 'ranged',
    items: Math.ceil(items / grain),
    args: [rangedKernels.indexOf(kernel), args, items, grain, args + lines(bytes), lines(scratch)],
  });
};
