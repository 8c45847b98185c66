import type { Backend, Boundaries, ChunkIndex, ChunkShape, KvLayer } from '../../src/backends/backend.js';
import { hadamard } from '../../src/codecs/hadamard.js';
import { fromHalf, roundEven, toHalf } from '../../src/codecs/half.js';
import { boundBytes, headSketchBytes } from '../../src/kv/chunks.js';
import { judgedGap } from './boundary-network.js';
import { storedKey, unrotated } from './keys.js';
import { refSelection } from './selection.js';

const { fround } = Math;

/** Summaries as they are stored: [chunk] and [page], in bytes. */
interface Summaries {
  means: Uint8Array[];
  sketches: Uint8Array[];
  bounds: Uint8Array[];
}

export interface RefChunkIndex extends ChunkIndex {
  readonly layers: Summaries[];
  /** boundaries[0] = 0. `decided[i]` is the page whose window decided boundary i. */
  boundaries: number[];
  decided: number[];
  pages: number;
}

/** 1 − cos of the summed keys left and right of a gap, in steps of 2⁻¹⁶; 0 where a side is a zero vector. */
const contrast = (kv: KvLayer, gap: number, window: number): number => {
  let [dot, left, right] = [0, 0, 0];
  for (let head = 0; head < kv.shape.kvHeads; head++) {
    const sums = [-window, 0].map((side) => {
      const sum = new Float64Array(kv.shape.keyDim);
      for (let i = 0; i < window; i++) {
        storedKey(kv, head, gap + side + i).forEach((x, c) => {
          sum[c]! += x;
        });
      }
      return sum;
    });
    sums[0]!.forEach((x, c) => {
      dot += x * sums[1]![c]!;
      left += x * x;
      right += sums[1]![c]! ** 2;
    });
  }
  const norm = Math.sqrt(left * right);
  return norm > 0 ? Math.max(0, Math.round((1 - dot / norm) * 65536) / 65536) : 0;
};

/** The boundaries that the window of `page` decides, when `last` was the last one before. */
const decide = (b: Boundaries, kv: KvLayer, page: number, last: number, marks: Uint8Array): number[] => {
  const found: number[] = [];
  if (b.source === 'fixed') {
    for (let gap = 64 * page + 1; gap <= 64 * (page + 1); gap++) if (gap % b.size === 0) found.push(gap);
    return found;
  }
  if (b.source === 'delimiters') {
    for (let gap = 64 * page + 1; gap <= 64 * (page + 1); gap++) {
      const length = gap - (found.at(-1) ?? last);
      if ((marks[gap - 1] && length >= b.minimum) || length >= b.maximum) found.push(gap);
    }
    return found;
  }
  const from = Math.max(b.window, 64 * page - b.window);
  const end = 64 * (page + 1) - b.window;
  const candidates = Array.from({ length: end - from }, (_, i) => {
    const gap = from + i;
    return { gap, value: b.judge ? judgedGap(kv, gap, b) : contrast(kv, gap, b.window) };
  })
    .filter(({ value }) => value >= 0)
    .sort((x, y) => y.value - x.value || x.gap - y.gap);
  for (const { gap } of candidates) {
    if (found.length === b.perPage) break;
    if ([last, ...found].every((other) => Math.abs(gap - other) > b.minimum)) found.push(gap);
  }
  // No chunk, the open one included, may be longer than 64: what is too long is cut every 64 tokens from its start.
  const all: number[] = [];
  for (const gap of [...found.sort((x, y) => x - y), end]) {
    while (gap - (all.at(-1) ?? last) > 64) all.push((all.at(-1) ?? last) + 64);
    if (gap < end) all.push(gap);
  }
  return all;
};

/** sum/√length of the keys of one chunk, all KV heads, f16. */
const meanOf = (kv: KvLayer, start: number, end: number): Uint8Array => {
  const { kvHeads, keyDim } = kv.shape;
  const out = new DataView(new ArrayBuffer(kvHeads * keyDim * 2));
  for (let head = 0; head < kvHeads; head++) {
    const sum = new Float32Array(keyDim);
    for (let token = start; token < end; token++) {
      storedKey(kv, head, token).forEach((x, c) => {
        sum[c]! += x;
      });
    }
    const root = fround(Math.sqrt(end - start));
    unrotated(kv, sum).forEach((x, c) => {
      out.setUint16((head * keyDim + c) * 2, toHalf(fround(x / root)), true);
    });
  }
  return new Uint8Array(out.buffer);
};

/** A stored key in the channels that sketches are made of: rotated, whether its codec rotates or not. */
const rotated = (kv: KvLayer, head: number, token: number): Float32Array => {
  const key = storedKey(kv, head, token);
  if (kv.shape.keys === 'f16') hadamard(key);
  return key;
};

/** A finite f16 near x. */
const finiteHalf = (x: number): number => Math.min(toHalf(x), 0x7bff);

/** Sketches of one page, all KV heads: see src/kv/chunks.ts for the bytes. All sums in f32, in the order written here. */
const sketchOf = (kv: KvLayer, page: number): Uint8Array => {
  const { kvHeads, keyDim } = kv.shape;
  const planeBytes = 128 + 8 * keyDim;
  const headBytes = keyDim + 16 + 2 * planeBytes;
  const out = new DataView(new ArrayBuffer(kvHeads * headBytes));
  for (let head = 0; head < kvHeads; head++) {
    const keys = Array.from({ length: 64 }, (_, i) => rotated(kv, head, page * 64 + i));
    const means = Float32Array.from({ length: keyDim }, (_, c) =>
      fround(keys.reduce((sum, key) => fround(sum + key[c]!), 0) / 64),
    );
    const half = finiteHalf(fround(means.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127));
    const scale = fromHalf(half);
    const at = head * headBytes;
    out.setUint16(at + keyDim, half, true);
    means.forEach((mean, c) => {
      const code = scale > 0 ? Math.max(-127, Math.min(127, roundEven(fround(mean / scale)))) : 0;
      out.setInt8(at + c, code);
      for (const key of keys) key[c] = key[c]! - fround(code * scale);
    });
    let unit = 0;
    for (let plane = 0; plane < 2; plane++) {
      const planeAt = at + keyDim + 16 + plane * planeBytes;
      const sizes = keys.map((key) => {
        const sums = new Float32Array(4);
        key.forEach((x, c) => {
          sums[c % 4] = sums[c % 4]! + Math.abs(x);
        });
        return fround(fround(fround(sums[0]! + sums[1]!) + fround(sums[2]! + sums[3]!)) / keyDim);
      });
      if (plane === 0) {
        const greatest = finiteHalf(Math.max(...sizes));
        out.setUint16(at + keyDim + 2, greatest, true);
        unit = fromHalf(greatest) / 2 ** 14;
      }
      keys.forEach((key, token) => {
        const code = unit > 0 ? Math.min(32767, roundEven(fround(sizes[token]! / unit))) : 0;
        const size = fround(code * unit);
        out.setUint16(planeAt + 2 * token, code, true);
        key.forEach((x, c) => {
          const byte =
            planeAt + 128 + Math.floor(token / 16) * 2 * keyDim + Math.floor(c / 8) * 16 + (token % 16);
          if (x < 0) out.setUint8(byte, out.getUint8(byte) | (1 << (c % 8)));
          key[c] = x < 0 ? x + size : x - size;
        });
      });
    }
  }
  return new Uint8Array(out.buffer);
};

/** The greatest f16 that is finite and not above x; zero is +0. */
const halfBelow = (x: number): number => {
  const near = toHalf(x) === 0x8000 ? 0 : toHalf(x);
  const next = near === 0 ? 0x8001 : near & 0x8000 ? near + 1 : near - 1;
  const bits = fromHalf(near) > x ? next : near;
  return (bits & 0x8000) | Math.min(bits & 0x7fff, 0x7bff);
};

/** The least f16 that is not below x. */
const halfAbove = (x: number): number => (halfBelow(-x) === 0 ? 0 : halfBelow(-x) ^ 0x8000);

/** Bounds of one page, all KV heads: see src/kv/chunks.ts for the bytes. */
const boundsOf = (kv: KvLayer, page: number): Uint8Array => {
  const { kvHeads, keyDim } = kv.shape;
  const out = new DataView(new ArrayBuffer(kvHeads * 4 * 4 * keyDim));
  for (let head = 0; head < kvHeads; head++) {
    for (let block = 0; block < 4; block++) {
      const keys = Array.from({ length: 16 }, (_, i) => rotated(kv, head, page * 64 + block * 16 + i));
      for (let c = 0; c < keyDim; c++) {
        const channel = keys.map((key) => key[c]!);
        const at = (head * 4 + block) * 4 * keyDim + 2 * c;
        out.setUint16(at, halfBelow(Math.min(...channel)), true);
        out.setUint16(at + 2 * keyDim, halfAbove(Math.max(...channel)), true);
      }
    }
  }
  return new Uint8Array(out.buffer);
};

const concatenate = (parts: Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

const forget = (index: RefChunkIndex, pages: number): void => {
  const kept = index.decided.filter((page) => page < pages).length;
  index.boundaries.length = index.decided.length = kept;
  index.pages = pages;
  for (const layer of index.layers) {
    layer.means.length = Math.min(layer.means.length, kept - 1);
    layer.sketches.length = Math.min(layer.sketches.length, pages);
    layer.bounds.length = Math.min(layer.bounds.length, pages);
  }
};

/** Boundaries that the windows of pages [from, to) decided, as positions in the list. */
const positions = (index: RefChunkIndex, from: number, to: number): number[] =>
  index.decided.flatMap((page, i) => (page >= from && page < to ? [i] : []));

const own = (index: ChunkIndex): RefChunkIndex => index as RefChunkIndex;

type ChunkVerbs = ReturnType<typeof refSelection> &
  Pick<Backend, 'chunkIndex' | 'segment' | 'summarize' | 'readBoundaries' | 'readChunks' | 'writeChunks'>;

export const refChunks = (): ChunkVerbs => ({
  ...refSelection(),

  chunkIndex: (_label, shape: ChunkShape): RefChunkIndex => ({
    shape,
    layers: Array.from({ length: shape.layers }, () => ({ means: [], sketches: [], bounds: [] })),
    boundaries: [0],
    decided: [-1],
    pages: 0,
  }),

  segment(index, firstLayer, tokens, marks) {
    const it = own(index);
    const pages = Math.floor(tokens / 64);
    if (pages < it.pages) forget(it, pages);
    for (; it.pages < pages; it.pages++) {
      for (const b of decide(it.shape.boundaries, firstLayer, it.pages, it.boundaries.at(-1)!, marks)) {
        it.boundaries.push(b);
        it.decided.push(it.pages);
      }
    }
  },

  summarize(index, layer, kv) {
    const { boundaries, layers, pages, shape } = own(index);
    const { means, sketches, bounds } = layers[layer]!;
    while (means.length < boundaries.length - 1) {
      const c = means.length;
      means.push(shape.means ? meanOf(kv, boundaries[c]!, boundaries[c + 1]!) : new Uint8Array());
    }
    while (sketches.length < pages) {
      sketches.push(shape.sketches ? sketchOf(kv, sketches.length) : new Uint8Array());
    }
    while (bounds.length < pages) {
      bounds.push(shape.bounds ? boundsOf(kv, bounds.length) : new Uint8Array());
    }
  },

  readBoundaries: async (index) => Uint32Array.from(own(index).boundaries),

  async readChunks(index, from, to) {
    const { boundaries, layers } = own(index);
    const closed = positions(own(index), from, to);
    const head = Uint32Array.from([closed.length, ...closed.map((i) => boundaries[i]!)]);
    const tail = layers.flatMap(({ means, sketches, bounds }) => [
      ...closed.map((i) => means[i - 1]!),
      ...sketches.slice(from, to),
      ...bounds.slice(from, to),
    ]);
    return concatenate([new Uint8Array(head.buffer), ...tail]);
  },

  writeChunks(index, from, to, bytes) {
    const it = own(index);
    forget(it, from);
    const { kvHeads, keyDim, means, sketches, boundaries } = it.shape;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const closed = view.getUint32(0, true);
    for (let i = 0; i < closed; i++) {
      const b = view.getUint32(4 + 4 * i, true);
      it.boundaries.push(b);
      const lag = boundaries.source === 'contrast' ? boundaries.window : -1;
      // Windows are gaps [64t − w, 64(t+1) − w) for contrast and (64t, 64(t+1)] for the others.
      it.decided.push(lag < 0 ? Math.ceil(b / 64) - 1 : Math.floor((b + lag) / 64));
    }
    let at = 4 + 4 * closed;
    const take = (length: number): Uint8Array => bytes.slice(at, (at += length));
    for (const layer of it.layers) {
      for (let i = 0; i < closed; i++) layer.means.push(take(means ? kvHeads * keyDim * 2 : 0));
      for (let page = from; page < to; page++) {
        layer.sketches.push(take(sketches ? kvHeads * headSketchBytes(keyDim) : 0));
      }
      for (let page = from; page < to; page++) layer.bounds.push(take(boundBytes(it.shape)));
    }
    it.pages = to;
  },
});
