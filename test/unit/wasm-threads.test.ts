import { readFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import { aloneJobs, JOB_BYTES, serveJobs, sharedJobs } from '../../src/backends/wasm/jobs.js';
import type { Kernels } from '../../src/backends/wasm/kernels.js';
import { sharedImport } from '../../src/backends/wasm/shared-import.js';
import { threadUrl } from '../support/kernels.js';

const simd128 = new URL('../../dist/kernels.wasm', import.meta.url);
const { Memory } = WebAssembly;
afterEach(() => {
  WebAssembly.Memory = Memory;
});

/** A device that refuses some memories. */
const refusing = (refuses: (descriptor: WebAssembly.MemoryDescriptor) => boolean): number[] => {
  const asked: number[] = [];
  WebAssembly.Memory = vi.fn(function make(descriptor: WebAssembly.MemoryDescriptor) {
    if (descriptor.shared) asked.push(descriptor.maximum!);
    if (refuses(descriptor)) throw new RangeError('could not allocate memory');
    return new Memory(descriptor);
  }) as unknown as typeof WebAssembly.Memory;
  return asked;
};

test('the kernels take a shared memory when one bit of theirs is set, and only then', async () => {
  const file = await readFile(simd128);
  const shared = sharedImport(file)!;
  expect(shared.filter((byte, at) => byte !== file[at]).length).toBe(1);
  const own = new Memory({ initial: 1, maximum: 16 });
  const ours = new Memory({ initial: 1, maximum: 16, shared: true });
  const start = async (bytes: BufferSource, memory: WebAssembly.Memory): Promise<string> =>
    WebAssembly.instantiate(bytes, { env: { memory } }).then(
      () => 'starts',
      () => 'refuses',
    );
  expect([await start(file, own), await start(file, ours)]).toEqual(['starts', 'refuses']);
  expect([await start(shared, own), await start(shared, ours)]).toEqual(['refuses', 'starts']);
});

test('what is no such file is left alone', () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const withLimits = (...limits: number[]): Uint8Array =>
    Uint8Array.from([...header, 2, 4 + 1 + limits.length, 1, 1, 97, 1, 98, 2, ...limits]);
  expect(sharedImport(Uint8Array.from([]))).toBeUndefined();
  expect(sharedImport(Uint8Array.from(header))).toBeUndefined();
  expect(sharedImport(withLimits(0, 1))).toBeUndefined();
  expect(sharedImport(Uint8Array.from([...header, 2, 255, 255]))).toBeUndefined();
});

test('a device that cannot reserve so much is asked for less, then gets one thread', async () => {
  const options = { wasm: { simd128 }, threads: 2, threadUrl } as const;
  const asked = refusing(({ shared, maximum }) => shared === true && maximum! > 16_384);
  const two = await createWasmBackend(options);
  expect(two.threads).toBe(2);
  expect(asked).toEqual([65_536, 32_768, 16_384]);
  two.close();
  const all = refusing(({ shared }) => shared === true);
  const one = await createWasmBackend({ ...options, threads: 'auto' });
  expect(one.threads).toBe(1);
  expect(one.reason).toContain('1 thread: the device gave no shared memory');
  expect(all).toEqual([65_536, 32_768, 16_384, 8192]);
  await expect(createWasmBackend(options)).rejects.toMatchObject({ code: 'unsupported/backend' });
});

const kernels = (add: (...args: number[]) => number): Kernels => ({ add });

test('every item runs once, in every part, whoever takes it', () => {
  const memory = new Memory({ initial: 1, maximum: 1, shared: true });
  const seen: number[] = [];
  const jobs = sharedJobs(
    kernels((at) => seen.push(at)),
    memory,
    64,
    2,
    () => false,
  );
  const parts = [
    { share: 'add', items: 3, args: [1000, 0, 48, 16] },
    { share: 'add', items: 1, args: [2000, 0, 16, 16] },
    { share: 'add', items: 2, args: [3000, 0, 32, 16] },
  ] as const;
  for (let time = 0; time < 3; time++) jobs.run(...parts);
  const once = [1000, 1064, 1128, 2000, 3000, 3064];
  expect(seen).toEqual([...once, ...once, ...once]);
  seen.length = 0;
  aloneJobs(kernels((at) => seen.push(at))).run(...parts);
  expect(seen).toEqual(once);
});

test('after a failure nothing is computed any more, on any thread', () => {
  const memory = new Memory({ initial: 1, maximum: 1, shared: true });
  const broken = kernels(() => {
    throw new RangeError('out of bounds');
  });
  const jobs = sharedJobs(broken, memory, 64, 2, () => false);
  const part = { share: 'add', items: 2, args: [0, 0, 32, 16] } as const;
  expect(() => jobs.run(part)).toThrow('out of bounds');
  expect(() => jobs.run(part)).toThrow(expect.objectContaining({ code: 'engine/lost' }));
  // A thread that meets what is left of it says so too, instead of serving on.
  const other = new Memory({ initial: 1, maximum: 1, shared: true });
  const words = new Int32Array(other.buffer, 64, JOB_BYTES / 4);
  new Float64Array(other.buffer, 64, JOB_BYTES / 8).set([2, 4, 2, 0, 0, 32, 16], 23);
  words[0] = 2;
  expect(() => serveJobs(broken, other, 64, 1)).toThrow('out of bounds');
  expect(words[18]).toBe(1);
});

test('work is cut only where sharing pays', () => {
  const memory = new Memory({ initial: 1, maximum: 1, shared: true });
  const jobs = sharedJobs(
    kernels(() => 0),
    memory,
    64,
    3,
    () => false,
  );
  expect([0, 1, 9].map((work) => jobs.pieces(work))).toEqual([1, 1, 1]);
  expect(jobs.pieces(60)).toBe(10);
  // A single row's weights go out in few pieces, unless they take long.
  expect([0, 9, 10, 60, 1e6].map((work) => jobs.streams(work))).toEqual([1, 1, 9, 9, 24]);
  expect(jobs.pieces(1e6)).toBe(24);
  expect(aloneJobs(kernels(() => 0)).pieces(1e6)).toBe(1);
});
