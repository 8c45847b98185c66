import type { Weight } from '../backends/backend.js';
import { ROW_FORMATS, rowBytes, type WeightType } from '../backends/row-formats.js';
import { fromHalf, toHalf } from '../codecs/half.js';
import { LonghandError } from '../errors.js';
import { narrowing } from './low-rank.js';
import { type Bench, LANES, numbersOf } from './numbers-of.js';

/** What of a layer makes values and reads them. */
export interface ValueWeights {
  readonly attnNorm: Weight;
  readonly v: Weight;
  readonly vBias?: Weight;
  readonly o: Weight;
  /** Where v or o is two matrices: the first of them. */
  readonly vLow?: Weight;
  readonly oLow?: Weight;
}

/** Heads of a model, and the channels that its values have in the file. */
export interface ValueShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly valueDim: number;
}

/** Rows of numbers as Q8_0: f16 scale and 32 codes of 8 bits. */
const asQ8 = (rows: Float32Array): Uint8Array<ArrayBuffer> => {
  const { inputs, bytes } = ROW_FORMATS.Q8_0;
  const out = new Uint8Array((rows.length / inputs) * bytes);
  const view = new DataView(out.buffer);
  for (let from = 0, at = 0; from < rows.length; from += inputs, at += bytes) {
    const some = rows.subarray(from, from + inputs);
    const bits = toHalf(some.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);
    const scale = fromHalf(bits);
    view.setUint16(at, bits, true);
    for (const [i, x] of some.entries()) {
      const code = scale > 0 ? Math.round(x / scale) : 0;
      view.setInt8(at + 2 + i, Math.max(-127, Math.min(127, code)));
    }
  }
  return out;
};

/** A weight of these numbers: as exact as the old one, floats as F32, what was quantised as Q8_0. */
const make = (b: Bench, old: Weight, rows: number, cols: number, numbers: Float32Array): Weight => {
  const fits = ROW_FORMATS[old.type].inputs > 1 && rows > 1 && cols % ROW_FORMATS.Q8_0.inputs === 0;
  const type: WeightType = fits ? 'Q8_0' : 'F32';
  const bytes = type === 'F32' ? new Uint8Array(numbers.buffer, numbers.byteOffset) : asQ8(numbers);
  const made = b.weight(`${old.label}, narrowed`, type, rows, cols);
  b.fill(made, 0, bytes.subarray(0, rows * rowBytes(type, cols)));
  b.swap(old, made);
  return made;
};

/**
 * Values of `rank` channels instead of `valueDim`, a layer at a time: keys and queries stay, pages hold less of each value, and
 * no kernel knows. v becomes down · v and o becomes o · up, head by head (CSKV, arXiv 2409.10593 §3.1, its initialisation by
 * singular values alone: it then trains both factors, stores all heads in one, and rebuilds keys and values before they are
 * attended to. Here values are never rebuilt, and the error counts as `o` sees it, with the gain of the norm as what is known
 * of its input). Throws `input/option` where pages cannot hold so many, or a projection is a pair. Gives the share of the output's energy that each layer lost, on average over its KV heads.
 */
export const narrowValues = async (
  b: Bench,
  layers: readonly ValueWeights[],
  { heads, kvHeads, valueDim: n }: ValueShape,
  rank: number,
): Promise<number[]> => {
  if (rank % LANES !== 0 || rank > n) {
    throw new LonghandError(
      'input/option',
      `Values of this model have ${n} channels; ${rank} were asked for. Give a multiple of ${LANES} up to ${n}.`,
      { option: 'kv.valueChannels', valueDim: n },
    );
  }
  if (layers.some(({ vLow, oLow }) => vLow ?? oLow)) {
    throw new LonghandError(
      'input/option',
      'Values of this model are projected by pairs of matrices already. Leave `kv.valueChannels` out.',
      { option: 'kv.valueChannels' },
    );
  }
  const group = heads / kvHeads;
  const lost: number[] = [];
  for (const { attnNorm, v, vBias, o } of layers) {
    const [gain, made, bias, reads] = [
      await numbersOf(b, attnNorm),
      await numbersOf(b, v),
      vBias && (await numbersOf(b, vBias)),
      await numbersOf(b, o),
    ];
    const inner = v.cols;
    const v2 = new Float32Array(kvHeads * rank * inner);
    const bias2 = new Float32Array(kvHeads * rank);
    const o2 = new Float32Array(o.rows * heads * rank);
    let sum = 0;
    for (let head = 0; head < kvHeads; head++) {
      const own = made.subarray(head * n * inner, (head + 1) * n * inner);
      const queries = Array.from({ length: group }, (_, i) => head * group + i);
      const found = narrowing(seenOf(own, gain, n), readOf(reads, heads, queries, n), n, rank);
      sum += found.lost;
      for (let i = 0; i < rank; i++) {
        const row = v2.subarray((head * rank + i) * inner, (head * rank + i + 1) * inner);
        for (let j = 0; j < n; j++) {
          const weight = found.down[i * n + j]!;
          for (let c = 0; c < inner; c++) row[c]! += weight * own[j * inner + c]!;
          if (bias) bias2[head * rank + i]! += weight * bias[head * n + j]!;
        }
      }
      for (let row = 0; row < o.rows; row++) {
        for (const query of queries) {
          const from = (row * heads + query) * n;
          const to = (row * heads + query) * rank;
          for (let i = 0; i < rank; i++) {
            let x = 0;
            for (let j = 0; j < n; j++) x += reads[from + j]! * found.up[i * n + j]!;
            o2[to + i] = x;
          }
        }
      }
    }
    make(b, v, kvHeads * rank, inner, v2);
    make(b, o, o.rows, heads * rank, o2);
    if (vBias) make(b, vBias, 1, kvHeads * rank, bias2);
    lost.push(sum / kvHeads);
  }
  return lost;
};

/** W · diag(gain²) · Wᵀ of one head's rows. */
const seenOf = (own: Float32Array, gain: Float32Array, n: number): Float64Array => {
  const inner = gain.length;
  const scaled = own.map((x, i) => x * gain[i % inner]!);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c < inner; c++) sum += scaled[i * inner + c]! * scaled[j * inner + c]!;
      out[i * n + j] = out[j * n + i] = sum;
    }
  }
  return out;
};

/** Oᵀ · O over the query heads that read one KV head's values. */
const readOf = (reads: Float32Array, heads: number, queries: readonly number[], n: number): Float64Array => {
  const out = new Float64Array(n * n);
  for (let from = 0; from < reads.length; from += heads * n) {
    for (const query of queries) {
      const row = reads.subarray(from + query * n, from + (query + 1) * n);
      for (let i = 0; i < n; i++) {
        const x = row[i]!;
        for (let j = 0; j <= i; j++) out[i * n + j]! += x * row[j]!;
      }
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) out[j * n + i] = out[i * n + j]!;
  return out;
};
