import { LonghandError } from '../../errors.js';
import { boundariesUpTo, knownBoundary } from '../../kv/chunks.js';
import { boundariesOf, type WasmChunkIndex } from './chunk-index.js';
import type { Device } from './device.js';

/** Closed chunks that a tile which begins at `start` may choose from. */
export const eligible = (device: Device, index: WasmChunkIndex, start: number): number =>
  boundariesUpTo(boundariesOf(device, index), index.count, knownBoundary(index.shape.boundaries, start)) - 1;

export const mustMatch = (fits: boolean, what: string): void => {
  if (!fits)
    throw new LonghandError('internal', `${what} do not belong to the same call. Please report this.`);
};
