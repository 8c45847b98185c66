import type { Backend } from '../backend.js';
import { rowBytes } from '../row-formats.js';
import type { GpuDevice } from './device.js';
import type { RowWay } from './matmul.js';
import { gpuTensors } from './tensors.js';
import { gpuWeights } from './weights.js';

/** What was found of adapters in this realm, by how they describe themselves and what is used of them. */
const known = new Map<string, boolean>();

/** A matrix as small models have them, products in one submission, and how often each way is tried. */
const [SIZE, PRODUCTS, ROUNDS] = [1024, 8, 3];
/** Bytes that this takes at most. */
const ROOM = 8 * 2 ** 20;

/**
 * Sets how one row meets a matrix: both ways are timed, once for each adapter. Their bits are the same, so an answer never
 * depends on it.
 */
export const tuneRows = async (
  device: GpuDevice,
  { matmul }: Pick<Backend, 'matmul'>,
  way: RowWay,
): Promise<void> => {
  const { description, memory, packedDots } = device.granted;
  const key = `${description} ${packedDots}`;
  const found = known.get(key);
  if (found !== undefined) {
    way.together = found;
    return;
  }
  // What is measured is no reason to pass a budget.
  if (memory - device.buffers.bytes().total < ROOM) return;
  const [tensors, weights] = [gpuTensors(device), gpuWeights(device)];
  const weight = weights.weight('tuning', 'Q8_0', SIZE, SIZE);
  const [x, out] = [tensors.tensor('tuning', 1, SIZE), tensors.tensor('tuned', 1, SIZE)];
  weights.fill(weight, 0, new Uint8Array(SIZE * rowBytes('Q8_0', SIZE)));
  tensors.upload(x, new Float32Array(SIZE));
  const least = { apart: Number.POSITIVE_INFINITY, together: Number.POSITIVE_INFINITY };
  // The first round compiles.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const one of ['apart', 'together'] as const) {
      way.together = one === 'together';
      const started = performance.now();
      for (let n = 0; n < PRODUCTS; n++) matmul(out, x, weight);
      await device.recorder.read(device.nothing, 0, 4);
      if (round > 0) least[one] = Math.min(least[one], performance.now() - started);
    }
  }
  for (const thing of [weight, x, out]) tensors.free(thing);
  way.together = least.together < least.apart;
  known.set(key, way.together);
};
