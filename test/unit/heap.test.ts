import { expect, test } from 'vitest';
import { Heap, type HeapKind } from '../../src/backends/wasm/heap.js';
import { random } from '../support/random.js';

const PAGE = 65536;
const heapOf = (maximum: number, base = 100): Heap =>
  new Heap(new WebAssembly.Memory({ initial: 1, maximum }), base);

test('memory is aligned, after the static part, and counted by kind', () => {
  const heap = heapOf(4);
  const first = heap.alloc(1, 'weights');
  const second = heap.alloc(65, 'pages');
  expect(first).toBe(128);
  expect(second).toBe(192);
  expect(heap.used).toEqual({ weights: 64, activations: 0, pages: 128, chunks: 0 });
  heap.free(first);
  heap.free(second);
  expect(heap.used).toEqual({ weights: 0, activations: 0, pages: 0, chunks: 0 });
});

test('blocks never overlap, keep their bytes while the memory grows, and leave nothing behind', () => {
  const heap = heapOf(64);
  const seed = random(1);
  const kinds: HeapKind[] = ['weights', 'activations', 'pages', 'chunks'];
  const blocks: { start: number; bytes: number; mark: number }[] = [];
  for (let step = 0; step < 2000; step++) {
    if (blocks.length > 0 && seed.next() < 0.48) {
      const [block] = blocks.splice(seed.below(blocks.length), 1);
      const { start, bytes, mark } = block!;
      expect(heap.u8(start, bytes).every((byte) => byte === mark)).toBe(true);
      heap.free(start);
    } else {
      const bytes = seed.below(seed.next() < 0.1 ? 50_000 : 700);
      const mark = seed.below(256);
      const start = heap.alloc(bytes, kinds[step % 4]!);
      expect(start % 64).toBe(0);
      heap.u8(start, bytes).fill(mark);
      blocks.push({ start, bytes, mark });
    }
  }
  const sorted = [...blocks].sort((a, b) => a.start - b.start);
  sorted.forEach(({ start, bytes }, i) => {
    const next = sorted[i + 1];
    if (next) expect(start + bytes).toBeLessThanOrEqual(next.start);
  });
  for (const { start } of blocks) heap.free(start);
  expect(Object.values(heap.used)).toEqual([0, 0, 0, 0]);
  // Everything was merged again: the first block starts where the first one ever did.
  expect(heap.alloc(1, 'weights')).toBe(128);
});

test('freed neighbours are handed out as one', () => {
  const heap = heapOf(4);
  const starts = [0, 1, 2, 3].map(() => heap.alloc(1024, 'pages'));
  for (const i of [0, 2, 1]) heap.free(starts[i]!);
  expect(heap.alloc(3072, 'pages')).toBe(starts[0]);
});

test('scratch is reused, grows, and is counted', () => {
  const heap = heapOf(4);
  const small = heap.scratch(100);
  expect(heap.scratch(50)).toBe(small);
  expect(heap.used.activations).toBe(128);
  const kept = heap.alloc(64, 'weights');
  const large = heap.scratch(5000);
  expect(large).toBeGreaterThan(kept);
  expect(heap.used.activations).toBe(5056);
});

test('a device without memory refuses, and gives what it still has', () => {
  const heap = heapOf(2);
  const first = heap.alloc(PAGE, 'weights');
  expect(() => heap.alloc(PAGE, 'weights')).toThrow(
    expect.objectContaining({ code: 'memory/device', details: expect.objectContaining({ held: 2 * PAGE }) }),
  );
  expect(heap.used.weights).toBe(PAGE);
  expect(() => heap.scratch(PAGE)).toThrow(expect.objectContaining({ code: 'memory/device' }));
  const rest = heap.alloc(1000, 'weights');
  heap.u8(rest, 1000).fill(7);
  heap.free(first);
  expect(heap.alloc(PAGE, 'pages')).toBe(first);
});

test('freeing twice, or what was never given, is an error of ours', () => {
  const heap = heapOf(1);
  const start = heap.alloc(10, 'chunks');
  heap.free(start);
  expect(() => heap.free(start)).toThrow(expect.objectContaining({ code: 'internal' }));
  expect(() => heap.free(12)).toThrow(expect.objectContaining({ code: 'internal' }));
});
