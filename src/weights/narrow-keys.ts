import type { Weight } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { type Bench, LANES, numbersOf } from './numbers-of.js';

/** What of a layer makes queries and keys. */
export interface KeyWeights {
  readonly attnNorm: Weight;
  readonly q: Weight;
  readonly k: Weight;
  readonly qBias?: Weight;
  readonly kBias?: Weight;
  readonly qNorm?: Weight;
  readonly kNorm?: Weight;
  /** Where q or k is two matrices: the first of them. */
  readonly qLow?: Weight;
  readonly kLow?: Weight;
}

/** Heads of a model, the channels of a key, and how many of them are turned, in what pairs. */
export interface KeyShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly turned: number;
  readonly pairing: 'half' | 'adjacent';
}

/** What a layer keeps of its keys. */
export interface NarrowedKeys {
  /** (channels, headDim), a one in each row: times it, a query or a key is what is kept of it. */
  readonly weight: Weight;
  /** Pairs of the rotation that are kept, ascending. */
  readonly pairs: readonly number[];
}

/** Two channels that stay or go together. `pair`: of the rotation; missing: they are not turned. */
interface Unit {
  readonly channels: readonly [number, number];
  readonly pair?: number;
}

const unitsOf = ({ headDim, turned, pairing }: KeyShape): Unit[] => {
  const pairs = turned / 2;
  const rotated = Array.from({ length: pairs }, (_, pair): Unit => {
    return { pair, channels: pairing === 'half' ? [pair, pair + pairs] : [2 * pair, 2 * pair + 1] };
  });
  const passing = Array.from({ length: (headDim - turned) / 2 }, (_, n): Unit => {
    return { channels: [turned + 2 * n, turned + 2 * n + 1] };
  });
  return [...rotated, ...passing];
};

/** The mean square of every channel of every head, (heads, dim), for inputs whose channels have a mean square of 1 before the gain. */
const squaresOf = async (
  b: Bench,
  heads: number,
  gain: Float32Array,
  { weight, bias, norm }: { weight: Weight; bias: Weight | undefined; norm: Weight | undefined },
): Promise<Float64Array[]> => {
  const [rows, offsets, scales] = [
    await numbersOf(b, weight),
    bias && (await numbersOf(b, bias)),
    norm && (await numbersOf(b, norm)),
  ];
  const { cols } = weight;
  const dim = weight.rows / heads;
  return Array.from({ length: heads }, (_, head) => {
    const squares = Float64Array.from({ length: dim }, (_, channel) => {
      const row = head * dim + channel;
      let sum = (offsets?.[row] ?? 0) ** 2;
      for (let i = 0; i < cols; i++) sum += (rows[row * cols + i]! * gain[i]!) ** 2;
      return sum;
    });
    if (!scales) return squares;
    const mean = squares.reduce((sum, x) => sum + x, 0) / dim;
    return squares.map((x, channel) => (x / Math.max(mean, Number.MIN_VALUE)) * scales[channel]! ** 2);
  });
};

/** To so many digits a unit's worth counts, so that devices whose sums differ in the last ones choose alike. */
const DIGITS = 6;

/**
 * Of every unit what its products of queries and keys come to, of all that a head's do, summed over KV heads. Of two channels that are
 * turned each meets the other as often as itself, over all positions: their squares count together.
 */
const worthOf = (units: readonly Unit[], queries: Float64Array[], keys: Float64Array[]): number[] => {
  const group = queries.length / keys.length;
  const worth = units.map(() => 0);
  for (const [head, key] of keys.entries()) {
    const asked = queries.slice(head * group, (head + 1) * group);
    const query = key.map((_, channel) => asked.reduce((sum, one) => sum + one[channel]!, 0));
    const own = units.map(({ pair, channels: [a, b] }) =>
      pair === undefined
        ? query[a]! * key[a]! + query[b]! * key[b]!
        : ((query[a]! + query[b]!) * (key[a]! + key[b]!)) / 2,
    );
    const all = own.reduce((sum, x) => sum + x, 0);
    for (const [n, x] of own.entries()) worth[n]! += all > 0 ? x / all : 0;
  }
  return worth.map((x) => Number(x.toPrecision(DIGITS)));
};

/** Kept channels in an order in which the pairs that are left pair as they did. */
const inOrder = (kept: readonly Unit[], pairing: KeyShape['pairing']): number[] => {
  const turned = kept.filter(({ pair }) => pair !== undefined);
  const passing = kept.filter(({ pair }) => pair === undefined).flatMap(({ channels }) => channels);
  if (pairing === 'adjacent') return [...turned.flatMap(({ channels }) => channels), ...passing];
  return [
    ...turned.map(({ channels }) => channels[0]),
    ...turned.map(({ channels }) => channels[1]),
    ...passing,
  ];
};

/**
 * What to multiply queries and keys of each layer with, after rotation, so that of `headDim` channels the `channels` are left
 * which matter most to their products; pages hold less of each key, and no kernel knows. ThinK (arXiv 2407.21018 §3.2) scores a
 * channel by ‖Q‖·‖K‖ over a prompt and chooses for each head; here its squares are what the projections, their gains and norms
 * make of inputs that are alike in all channels, so that the choice is the model's, not a prompt's, and pages can be shared; it is
 * one for all heads of a layer, by pairs of the rotation. Throws `input/option` where pages cannot hold so many, or a projection
 * is a pair.
 */
export const narrowKeys = async (
  b: Bench,
  layers: readonly KeyWeights[],
  shape: KeyShape,
  channels: number,
): Promise<NarrowedKeys[]> => {
  const { heads, kvHeads, headDim, pairing } = shape;
  if (channels % LANES !== 0 || channels > headDim) {
    throw new LonghandError(
      'input/option',
      `Keys of this model have ${headDim} channels; ${channels} were asked for. Give a multiple of ${LANES} up to ${headDim}.`,
      { option: 'kv.keyChannels', headDim },
    );
  }
  if (layers.some(({ qLow, kLow }) => qLow ?? kLow)) {
    throw new LonghandError(
      'input/option',
      'Queries and keys of this model are projected by pairs of matrices. Leave `kv.keyChannels` out.',
      { option: 'kv.keyChannels' },
    );
  }
  const units = unitsOf(shape);
  const narrowed: NarrowedKeys[] = [];
  for (const { attnNorm, q, k, qBias, kBias, qNorm, kNorm } of layers) {
    const gain = await numbersOf(b, attnNorm);
    const queries = await squaresOf(b, heads, gain, { weight: q, bias: qBias, norm: qNorm });
    const keys = await squaresOf(b, kvHeads, gain, { weight: k, bias: kBias, norm: kNorm });
    const worth = worthOf(units, queries, keys);
    const best = [...units.keys()].sort((i, j) => worth[j]! - worth[i]! || i - j).slice(0, channels / 2);
    const kept = best.sort((i, j) => i - j).map((n) => units[n]!);
    const ones = new Float32Array(channels * headDim);
    for (const [row, channel] of inOrder(kept, pairing).entries()) ones[row * headDim + channel] = 1;
    const weight = b.weight(`${k.label}, kept channels`, 'F32', channels, headDim);
    b.fill(weight, 0, new Uint8Array(ones.buffer));
    narrowed.push({ weight, pairs: kept.flatMap(({ pair }) => (pair === undefined ? [] : [pair])) });
  }
  return narrowed;
};
