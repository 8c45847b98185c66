import type { Heap, HeapKind } from './heap.js';

/**
 * Device memory that grows by at least an eighth when it must, keeping its content: what it holds beyond what was asked for
 * counts against the memory budget. Its address changes when it grows.
 */
export interface Growing {
  readonly start: number;
  /** Room for `bytes`; what was there stays. */
  reserve(bytes: number): void;
  release(): void;
}

/** Room for an eighth more, and for a little at first: copying costs eight times the content in all. */
export const eighthMore = (room: number): number => room + Math.ceil(room / 8);

export const growing = (heap: Heap, kind: HeapKind): Growing => {
  let start = 0;
  let room = 0;
  return {
    get start() {
      return start;
    },
    reserve(bytes) {
      if (bytes <= room) return;
      const wider = Math.max(bytes, eighthMore(room));
      const moved = heap.alloc(wider, kind);
      if (room > 0) {
        heap.u8(moved, room).set(heap.u8(start, room));
        heap.free(start);
      }
      start = moved;
      room = wider;
    },
    release() {
      if (room > 0) heap.free(start);
      start = room = 0;
    },
  };
};
