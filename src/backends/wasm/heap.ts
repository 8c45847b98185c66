import { LonghandError } from '../../errors.js';

/** What an allocation is for; the bytes of each kind are counted. */
export type HeapKind = 'weights' | 'activations' | 'pages' | 'chunks';

const ALIGN = 64;
const WASM_PAGE = 65536;
/** Growing costs a millisecond or more, however little is asked for; pages of one token's layers ask dozens of times. */
const STEP = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

/**
 * All memory of the engine: one WebAssembly memory, handed out by JavaScript; the kernels never allocate. First fit
 * over a free list sorted by address, neighbours merged on release.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly used: Record<HeapKind, number> = { weights: 0, activations: 0, pages: 0, chunks: 0 };
  /** All of the memory: what a step writes and reads in dozens of places needs no views of its own. */
  words: Uint32Array<ArrayBuffer>;
  floats: Float32Array<ArrayBuffer>;
  readonly #blocks = new Map<number, { bytes: number; kind: HeapKind }>();
  #gaps: { start: number; bytes: number }[] = [];
  #top: number;
  #scratch = { start: 0, bytes: 0 };

  /** `base`: first byte the kernels' own static data leaves free. */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.#top = align(base);
    [this.words, this.floats] = this.#all();
  }

  /** Bytes at `ALIGN`-byte alignment; their content is undefined. Throws `memory/device` when there are no more. */
  alloc(bytes: number, kind: HeapKind): number {
    const size = align(Math.max(bytes, 1));
    const start = this.#take(size);
    this.#blocks.set(start, { bytes: size, kind });
    this.used[kind] += size;
    return start;
  }

  free(start: number): void {
    const block = this.#blocks.get(start);
    if (!block)
      throw new LonghandError('internal', `Freed ${start}, which is not allocated. Please report this.`);
    this.#blocks.delete(start);
    this.used[block.kind] -= block.bytes;
    this.#give(start, block.bytes);
  }

  /** What was allocated for one thing is used for another. */
  retype(start: number, kind: HeapKind): void {
    const block = this.#blocks.get(start)!;
    this.used[block.kind] -= block.bytes;
    this.used[kind] += block.bytes;
    block.kind = kind;
  }

  /** Memory for the duration of one verb: the next call of `scratch` may hand out the same bytes. */
  scratch(bytes: number): number {
    if (bytes > this.#scratch.bytes) {
      if (this.#scratch.bytes > 0) this.free(this.#scratch.start);
      this.#scratch = { start: 0, bytes: 0 };
      this.#scratch = { start: this.alloc(bytes, 'activations'), bytes };
    }
    return this.#scratch.start;
  }

  /** Fresh views: a view made earlier is detached when the memory grows. */
  u8(start: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer as ArrayBuffer, start, length);
  }
  u32(start: number, length: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.memory.buffer as ArrayBuffer, start, length);
  }
  f32(start: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer as ArrayBuffer, start, length);
  }

  #take(size: number): number {
    const at = this.#gaps.findIndex((gap) => gap.bytes >= size);
    if (at >= 0) {
      const gap = this.#gaps[at]!;
      const start = gap.start;
      gap.start += size;
      gap.bytes -= size;
      if (gap.bytes === 0) this.#gaps.splice(at, 1);
      return start;
    }
    const start = this.#top;
    this.#reach(start + size);
    this.#top = start + size;
    return start;
  }

  #give(start: number, bytes: number): void {
    const at = this.#gaps.findIndex((gap) => gap.start > start);
    const index = at < 0 ? this.#gaps.length : at;
    this.#gaps.splice(index, 0, { start, bytes });
    this.#merge(index);
    if (index > 0) this.#merge(index - 1);
    const last = this.#gaps.at(-1);
    if (last && last.start + last.bytes === this.#top) {
      this.#top = last.start;
      this.#gaps.pop();
    }
  }

  #merge(index: number): void {
    const gap = this.#gaps[index];
    const next = this.#gaps[index + 1];
    if (!gap || !next || gap.start + gap.bytes !== next.start) return;
    gap.bytes += next.bytes;
    this.#gaps.splice(index + 1, 1);
  }

  #reach(end: number): void {
    const missing = end - this.words.byteLength;
    if (missing <= 0) return;
    const pages = Math.ceil(missing / WASM_PAGE);
    try {
      if (pages >= STEP || !this.#grow(STEP)) this.memory.grow(pages);
      [this.words, this.floats] = this.#all();
    } catch (cause) {
      const held = this.words.byteLength;
      throw new LonghandError(
        'memory/device',
        `The device, or cpuMemory, gave no more memory: ${end - held} bytes were asked for beyond the ${held} held. ` +
          'Use a smaller model, a shorter text or a smaller maxTokens.',
        { asked: end - held, held },
        { cause },
      );
    }
  }

  #all(): [Uint32Array<ArrayBuffer>, Float32Array<ArrayBuffer>] {
    const bytes = this.memory.buffer.byteLength;
    return [this.u32(0, bytes / 4), this.f32(0, bytes / 4)];
  }

  #grow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }
}
