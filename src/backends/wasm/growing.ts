import type { Heap, HeapKind } from './heap.js';

/** Device memory that doubles when it must, keeping its content. Its address changes when it grows. */
export interface Growing {
  readonly start: number;
  /** Room for `bytes`; what was there stays. */
  reserve(bytes: number): void;
  release(): void;
}

export const growing = (heap: Heap, kind: HeapKind): Growing => {
  let start = 0;
  let room = 0;
  return {
    get start() {
      return start;
    },
    reserve(bytes) {
      if (bytes <= room) return;
      const wider = Math.max(bytes, room * 2);
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
