import {
  type Backend,
  carryWidth,
  type KvShape,
  PAGE,
  type Range,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import type { Codec } from '../../src/codecs/codec.js';
import { hadamard, rotatedKey } from '../../src/codecs/hadamard.js';
import { fromHalf, roundEven } from '../../src/codecs/half.js';
import { codecs } from '../../src/codecs/index.js';
import { keysAt, pageBytes, valuesAt } from '../../src/codecs/page-format.js';
import { GROUP } from '../../src/codecs/sizes.js';
import { pageOf, type RefKvLayer, type RefPlan, type RefTensor } from './device.js';

const { fround } = Math;
/** Keys that `skipBelow` skips or keeps as one: blocks are aligned to absolute positions. */
const BLOCK = 32;

/** A query as q8 keys meet it: rotated as they are, then codes within ±8191 with a scale of its own. */
export const quantizeQuery = (query: Float32Array): { codes: Int32Array; scale: number } => {
  const rotated = query.slice();
  hadamard(rotated);
  const greatest = Math.max(...rotated.map(Math.abs));
  const inverse = greatest > 0 ? fround(8191 / greatest) : 0;
  const codes = Int32Array.from(rotated, (x) => roundEven(fround(x * inverse)));
  return { codes, scale: fround(greatest / 8191) };
};

/** A query as stored keys meet it: rotated as they are, and in q8 rounded. */
const meetKeys = (
  keys: KvShape['keys'],
  query: Float32Array,
): { codes: ArrayLike<number>; scale: number } => {
  if (keys === 'q8') return quantizeQuery(query);
  const codes = query.slice();
  if (keys === 'q4') hadamard(codes);
  return { codes, scale: 1 };
};

/** Vectors of tokens [0, PAGE · pages) of one block per page, as stored: keys in q8 and q4 stay rotated. Of cold pages: NaN. */
const decodeBlocks = (kv: RefKvLayer, codec: Codec, dim: number, at: number): Float32Array[] =>
  kv.bytes.flatMap((page) =>
    Array.from({ length: PAGE }, (_, token) => {
      const out = new Float32Array(dim).fill(Number.NaN);
      if (page) codec.decode(page.subarray(at), dim, token, out);
      return out;
    }),
  );

/** All keys of a KV head as stored, one per position that has memory. */
const storedKeys = (kv: RefKvLayer, head: number): Float32Array[] =>
  decodeBlocks(kv, codecs[kv.shape.keys], kv.shape.keyDim, keysAt(kv.shape, head));

const storedValues = (kv: RefKvLayer, head: number): Float32Array[] =>
  decodeBlocks(kv, codecs[kv.shape.values], kv.shape.valueDim, valuesAt(kv.shape, head));

/** The halves number `index` of each token, of `each` of them, `from` bytes behind the first byte of a head's values. */
const halvesOf = (
  kv: RefKvLayer,
  head: number,
  tokens: readonly number[],
  from: number,
  each: number,
  index: number,
): number[] =>
  tokens.map((token) => {
    const page = pageOf(kv, Math.floor(token / PAGE));
    const view = new DataView(page.buffer, page.byteOffset + valuesAt(kv.shape, head));
    return fromHalf(view.getUint16(from + ((token % PAGE) * each + index) * 2, true));
  });

/** Weights of the tokens of one block as codes meet them: weight · scale is rounded to 15 bits of the greatest such product in the block. */
const asMet = (weights: readonly number[], scales: readonly number[]): number[] => {
  const products = weights.map((weight, i) => weight * scales[i]!);
  const step = Math.max(...products) / 32767;
  return products.map((product, i) => (product > 0 ? (roundEven(product / step) * step) / scales[i]! : 0));
};

/** Adds the weighted values of the tokens of one block to `mixed`. Without `coded`, values in q4 and q2 meet weights as they are. */
const mixBlock = (
  mixed: Float64Array,
  weights: readonly number[],
  values: readonly Float32Array[],
  { kv, head, block, coded }: { kv: RefKvLayer; head: number; block: readonly number[]; coded: boolean },
): void => {
  const { values: codec, valueDim } = kv.shape;
  const isGrouped = codec === 'q4' || codec === 'q2';
  const add = (met: readonly number[], from: number, to: number, minima?: readonly number[]): void => {
    for (let c = from; c < to; c++) {
      for (let i = 0; i < block.length; i++) {
        const low = minima ? minima[i]! : 0;
        mixed[c] = mixed[c]! + met[i]! * (values[i]![c]! - low) + weights[i]! * low;
      }
    }
  };
  if (codec === 'q8') add(asMet(weights, halvesOf(kv, head, block, PAGE * valueDim, 1, 0)), 0, valueDim);
  else if (!isGrouped || !coded) add(weights, 0, valueDim);
  else {
    const [groups, codes] = [Math.ceil(valueDim / GROUP), (PAGE * valueDim) / (codec === 'q4' ? 2 : 4)];
    for (let group = 0; group < groups; group++) {
      const scales = halvesOf(kv, head, block, codes, groups, group);
      const minima = halvesOf(kv, head, block, codes + PAGE * 2 * groups, groups, group);
      add(asMet(weights, scales), group * GROUP, Math.min((group + 1) * GROUP, valueDim), minima);
    }
  }
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let c = 0; c < a.length; c++) sum += a[c]! * b[c]!;
  return sum;
};

/** The tokens of `ranges` in [from, to) that a row at `position` may see: those in (position − window, position]. */
const seen = (
  ranges: readonly Range[],
  position: number,
  window: number,
  from: number,
  to: number,
): number[] =>
  ranges
    .flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i))
    .filter((token) => token > position - window && token <= position && token >= from && token < to);

/** Ascending tokens, block by block. */
const blocksOf = (tokens: readonly number[]): number[][] => {
  const blocks = new Map<number, number[]>();
  for (const token of tokens) {
    const block = Math.floor(token / BLOCK);
    blocks.set(block, [...(blocks.get(block) ?? []), token]);
  }
  return [...blocks.values()];
};

/** Leaves out each block whose greatest logit is more than `below` under the greatest one kept before it, or `top`. */
const skipBlocks = (tokens: number[], logits: readonly number[], below: number, top: number): number[] => {
  return blocksOf(tokens).flatMap((some) => {
    const greatest = Math.max(...some.map((token) => logits[token]!));
    if (greatest < top - below) return [];
    top = Math.max(top, greatest);
    return some;
  });
};

type Verbs = Pick<
  Backend,
  | 'kvLayer'
  | 'mapPages'
  | 'dropPages'
  | 'writePage'
  | 'readPage'
  | 'peekPage'
  | 'appendKv'
  | 'attend'
  | 'readPairs'
>;

/** The specification of pages and of attention over them. `coded`: whether values in q4 and q2 meet weights as codes. */
export const refPages = (coded: boolean): Verbs => ({
  kvLayer: (_label, shape): RefKvLayer => ({
    shape,
    pageBytes: pageBytes(shape),
    bytes: [],
    get pages() {
      return this.bytes.length;
    },
    get resident() {
      return this.bytes.filter((page) => page).length;
    },
    isCold(page) {
      return !this.bytes[page];
    },
  }),

  mapPages: (layer, pages, cold = false) => {
    const { bytes, pageBytes } = layer as RefKvLayer;
    bytes.length = Math.min(bytes.length, pages);
    while (bytes.length < pages) bytes.push(cold ? undefined : new Uint8Array(pageBytes));
  },

  dropPages: (layer, pages) => {
    for (const page of pages) (layer as RefKvLayer).bytes[page] = undefined;
  },

  writePage: (layer, page, bytes) => {
    (layer as RefKvLayer).bytes[page] = bytes.slice();
  },

  readPage: async (layer, page) => pageOf(layer as RefKvLayer, page).slice(),
  peekPage: (layer, page) => pageOf(layer as RefKvLayer, page),

  appendKv: (layer, k, v, position) => {
    const kv = layer as RefKvLayer;
    const { kvHeads, keyDim, valueDim, keys, values } = kv.shape;
    for (let row = 0; row < k.rows; row++) {
      const page = pageOf(kv, Math.floor((position + row) / PAGE));
      const token = (position + row) % PAGE;
      for (let head = 0; head < kvHeads; head++) {
        const at = row * kvHeads + head;
        const key = (k as RefTensor).values.subarray(at * keyDim, (at + 1) * keyDim);
        const value = (v as RefTensor).values.subarray(at * valueDim, (at + 1) * valueDim);
        const stored = keys === 'f16' ? key : rotatedKey(key);
        codecs[keys].encode(page.subarray(keysAt(kv.shape, head)), keyDim, token, stored);
        codecs[values].encode(page.subarray(valuesAt(kv.shape, head)), valueDim, token, value);
      }
    }
  },

  attend: (out, q, layer, reads, how) => {
    const { scale, skipBelow = Number.POSITIVE_INFINITY, logSumExp } = how;
    const { window = Number.POSITIVE_INFINITY, softcap = Number.POSITIVE_INFINITY, pass } = how;
    const { from, to } = pass ?? { from: 0, to: Number.POSITIVE_INFINITY };
    const capped = (x: number): number =>
      softcap === Number.POSITIVE_INFINITY ? x : softcap * Math.tanh(x / softcap);
    const kv = layer as RefKvLayer;
    const plan = reads as RefPlan;
    const { kvHeads, keyDim, valueDim } = kv.shape;
    const heads = q.cols / keyDim;
    const tiles = tileCount(plan.tiles);
    const keys = Array.from({ length: kvHeads }, (_, head) => storedKeys(kv, head));
    const values = Array.from({ length: kvHeads }, (_, head) => storedValues(kv, head));
    for (let tile = 0; tile < tiles; tile++) {
      for (let position = tileStart(plan.tiles, tile); position < tileEnd(plan.tiles, tile); position++) {
        const row = position - plan.tiles.position;
        for (let list = 0; list < plan.lists; list++) {
          plan.pairs += seen(plan.rows[list * tiles + tile]!, position, window, from, to).length;
        }
        for (let head = 0; head < heads; head++) {
          const kvHead = Math.floor((head * kvHeads) / heads);
          const list = plan.lists === 1 ? 0 : kvHead;
          const at = row * heads + head;
          const query = (q as RefTensor).values.subarray(at * keyDim, (at + 1) * keyDim);
          const quantized = meetKeys(kv.shape.keys, query);
          const logits: number[] = [];
          const ranges = plan.rows[list * tiles + tile]!;
          const liftOf = (t: number): number => {
            const range = ranges.findIndex(([start, end]) => start <= t && t < end);
            return plan.lifts ? plan.lifts[list * tiles + tile]![range]! : 0;
          };
          const readable = seen(ranges, position, window, from, to);
          for (const t of readable) pageOf(kv, Math.floor(t / PAGE));
          for (const t of readable)
            logits[t] = capped(scale * quantized.scale * dot(quantized.codes, keys[kvHead]![t]!)) + liftOf(t);
          // Maximum, sum and weighted values of the passes before this one.
          const width = carryWidth(kv.shape);
          const carry = (pass?.carry as RefTensor | undefined)?.values.subarray(at * width, (at + 1) * width);
          const begin = pass && !pass.first ? carry![0]! : Number.NEGATIVE_INFINITY;
          const tokens = skipBlocks(readable, logits, skipBelow, begin);
          const top = tokens.reduce((most, t) => Math.max(most, logits[t]!), begin);
          const mixed = new Float64Array(valueDim);
          let sum = 0;
          if (begin > Number.NEGATIVE_INFINITY) {
            const fade = Math.exp(begin - top);
            sum = carry![1]! * fade;
            for (let c = 0; c < valueDim; c++) mixed[c] = carry![2 + c]! * fade;
          }
          for (const block of blocksOf(tokens)) {
            const weights = block.map((t) => Math.exp(logits[t]! - top));
            for (const weight of weights) sum += weight;
            const own = block.map((t) => values[kvHead]![t]!);
            mixBlock(mixed, weights, own, { kv, head: kvHead, block, coded });
          }
          if (pass && !pass.last) {
            carry!.set([top, sum, ...mixed]);
            continue;
          }
          (out as RefTensor).values.set(
            mixed.map((x) => x / sum),
            at * valueDim,
          );
          if (logSumExp) (logSumExp as RefTensor).values[at] = top + Math.log(sum);
        }
      }
    }
  },

  readPairs: async (reads) => {
    const plan = reads as RefPlan;
    const pairs = plan.pairs / plan.lists;
    plan.pairs = 0;
    return pairs;
  },
});
