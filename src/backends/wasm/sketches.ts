import { firstSketchBytes, secondSketchBytes } from '../../kv/chunks.js';
import type { ChunkShape } from '../backend.js';
import { eighthMore } from './growing.js';
import type { Heap } from './heap.js';

/**
 * Sketches of one layer. By KV head: the first records of all pages there is room for, then the second ones. Whoever asks
 * one plane of one head reads consecutive bytes; heads side by side in a page would be cache lines far apart.
 */
export interface Sketches {
  /** Where the first KV head begins. */
  readonly start: number;
  /** From one KV head to the next. */
  readonly headBytes: number;
  /** From a head's first records to its second ones. */
  readonly secondAt: number;
  /** Room for as many pages; what was there stays. */
  reserve(pages: number): void;
  /** The bytes of pages [from, to) as they are stored: page by page, in each head by head, both records. */
  read(from: number, to: number): Uint8Array;
  /** Takes what `read` gave; there must be room. */
  write(from: number, bytes: Uint8Array): void;
  release(): void;
}

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

export const createSketches = (heap: Heap, { sketches, kvHeads, keyDim }: ChunkShape): Sketches => {
  const [first, second] = sketches ? [firstSketchBytes(keyDim), secondSketchBytes(keyDim)] : [0, 0];
  const record = first + second;
  /** Records begin on cache lines, so that a sub-block of the second plane lies in as few as it can. */
  const secondFrom = (pages: number): number => lines(pages * first);
  const headRoom = (pages: number): number => secondFrom(pages) + lines(pages * second);
  let start = 0;
  let room = 0;
  /** Places of the records of one head in [from, to), when there is room for `pages`. */
  const places = (head: number, pages: number, page: number): [number, number] => {
    const at = head * headRoom(pages);
    return [at + page * first, at + secondFrom(pages) + page * second];
  };
  return {
    get start() {
      return start;
    },
    get headBytes() {
      return headRoom(room);
    },
    get secondAt() {
      return secondFrom(room);
    },
    reserve(pages) {
      if (pages <= room || record === 0) return;
      const wider = Math.max(pages, eighthMore(room));
      const moved = heap.alloc(kvHeads * headRoom(wider), 'chunks');
      for (let head = 0; head < kvHeads && room > 0; head++) {
        const [a, b] = places(head, room, 0);
        const [newA, newB] = places(head, wider, 0);
        heap.u8(moved + newA, room * first).set(heap.u8(start + a, room * first));
        heap.u8(moved + newB, room * second).set(heap.u8(start + b, room * second));
      }
      if (room > 0) heap.free(start);
      start = moved;
      room = wider;
    },
    read(from, to) {
      const out = new Uint8Array((to - from) * kvHeads * record);
      for (let i = 0; i < out.length; i += record) {
        const [a, b] = places((i / record) % kvHeads, room, from + Math.floor(i / record / kvHeads));
        out.set(heap.u8(start + a, first), i);
        out.set(heap.u8(start + b, second), i + first);
      }
      return out;
    },
    write(from, bytes) {
      // One view for all: making one is slow.
      const all = heap.u8(start, kvHeads * headRoom(room));
      for (let i = 0; i < bytes.length; i += record) {
        const [a, b] = places((i / record) % kvHeads, room, from + Math.floor(i / record / kvHeads));
        all.set(bytes.subarray(i, i + first), a);
        all.set(bytes.subarray(i + first, i + record), b);
      }
    },
    release() {
      if (room > 0) heap.free(start);
      start = room = 0;
    },
  };
};
