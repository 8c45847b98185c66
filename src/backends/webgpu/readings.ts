import { LonghandError } from '../../errors.js';
import { demand } from '../kv-shape.js';
import type { Buffers, GpuBuffer } from './buffers.js';
import type { Failures } from './failures.js';

/** What is read back together: one buffer, the word of faults in front. */
export interface Reading {
  readonly staging: GpuBuffer;
  /** Where the next bytes go. */
  bytes: number;
  /** Its copy, once it was submitted. */
  readonly done: Promise<ArrayBuffer>;
  readonly submitted: () => void;
}

/** Room for what is read back together; more than that has a buffer of its own. */
const ROOM = 1 << 14;

/** Whether so many bytes more go into it. */
export const hasRoom = ({ bytes, staging }: Reading, more: number): boolean => bytes + more <= staging.bytes;

/** A reading of at least so many bytes. Rejects with what has failed, and where a page was read that is cold. */
export const createReading = (buffers: Buffers, failures: Failures, least: number): Reading => {
  const staging = buffers.takeStaging(Math.max(4 + least, ROOM));
  let submitted = (): void => {};
  const begun = new Promise<void>((resolve) => {
    submitted = resolve;
  });
  const copied = async (): Promise<ArrayBuffer> => {
    await begun;
    const { memory } = staging;
    try {
      await memory.mapAsync(GPUMapMode.READ, 0, reading.bytes);
    } catch (cause) {
      await failures.explained();
      failures.check();
      throw new LonghandError('internal', `Reading back failed: ${String(cause)}.`, {}, { cause });
    }
    const copy = memory.getMappedRange(0, reading.bytes).slice(0);
    memory.unmap();
    buffers.give(staging);
    await failures.settled();
    failures.check();
    const fault = new Uint32Array(copy, 0, 1)[0]!;
    demand(fault === 0, `Page ${fault - 1} was to be read, but it is cold.`);
    return copy;
  };
  const reading: Reading = { staging, bytes: 4, done: copied(), submitted };
  return reading;
};
