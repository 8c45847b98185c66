// Attention's weighted sums of values, one function for each codec and number of queries. They are exported so that the
// compiler leaves them apart: inlined into one another they share registers, spill, and take twice as long.
import { mixFew, mixMany, WEIGHTS } from './lib/mix';
import { mixCodes, PACKED } from './lib/mix-codes';
import { encodeGroups } from './lib/group-codes';
import { GROUP } from './lib/page';

export function mixF32x1(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, dim, from, to, true, false);
}
export function mixF32x2(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, dim, from, to, true, true);
}
export function mixF32x3(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, dim, from, to, true, false);
}
export function mixF32x4(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, dim, from, to, true, true);
}
export function mixF16x1(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, dim, from, to, false, false);
}
export function mixF16x2(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, dim, from, to, false, true);
}
export function mixF16x3(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, dim, from, to, false, false);
}
export function mixF16x4(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, dim, from, to, false, true);
}

/**
 * acc (count, dim) = fades (count) · acc + Σ weights (count, 32) · values (32, dim), over tokens [from, to). values: f16 as a page has
 * them, from the first token of the block on, or `wide`, f32.
 */
export function mix(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize, from: usize, to: usize, count: i32, wide: bool,
): void {
  while (count > 0) {
    const some = min(count, 4);
    if (wide) {
      if (some == 4) mixF32x4(acc, weights, fades, values, dim, from, to);
      else if (some == 3) mixF32x3(acc, weights, fades, values, dim, from, to);
      else if (some == 2) mixF32x2(acc, weights, fades, values, dim, from, to);
      else mixF32x1(acc, weights, fades, values, dim, from, to);
    } else {
      if (some == 4) mixF16x4(acc, weights, fades, values, dim, from, to);
      else if (some == 3) mixF16x3(acc, weights, fades, values, dim, from, to);
      else if (some == 2) mixF16x2(acc, weights, fades, values, dim, from, to);
      else mixF16x1(acc, weights, fades, values, dim, from, to);
    }
    acc += dim << 4;
    weights += WEIGHTS << 2;
    fades += 16;
    count -= 4;
  }
}

export function mixCodes1(
  acc: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, dim: i32, channels: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, lows, values, <usize>dim, channels, from, to, false, false);
}
export function mixCodes2(
  acc: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, dim: i32, channels: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, lows, values, <usize>dim, channels, from, to, true, false);
}
export function mixPacked1(
  acc: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, dim: i32, channels: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, lows, values, <usize>dim, channels, from, to, false, true);
}
export function mixPacked2(
  acc: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, dim: i32, channels: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, lows, values, <usize>dim, channels, from, to, true, true);
}

/** `channels` channels of one query or two. */
// @ts-ignore: decorator
@inline
function mixPair(
  acc: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, dim: i32, channels: i32, from: usize, to: usize,
  two: bool, packed: bool,
): void {
  if (packed) {
    if (two) mixPacked2(acc, codes, fades, steps, lows, values, dim, channels, from, to);
    else mixPacked1(acc, codes, fades, steps, lows, values, dim, channels, from, to);
  } else {
    if (two) mixCodes2(acc, codes, fades, steps, lows, values, dim, channels, from, to);
    else mixCodes1(acc, codes, fades, steps, lows, values, dim, channels, from, to);
  }
}

/**
 * acc (count, dim) = fades (count) · acc + steps (count) · Σ codes (count, 32) · values (32, dim), over quads of tokens
 * [from, to). Rows of codes lie WEIGHTS bytes apart. values: q8 codes of a page's block, or `packed` by `packValues`.
 */
export function mixInteger(
  acc: usize, codes: usize, fades: usize, steps: usize, values: usize, dim: i32, from: usize, to: usize,
  count: i32, packed: bool,
): void {
  for (let n = 0; n < count; n += 2) {
    mixPair(acc, codes, fades, steps, 0, values, dim, dim, from, to, n + 1 < count, packed);
    acc += <usize>dim << 3;
    codes += WEIGHTS << 1;
    fades += 8;
    steps += 8;
  }
}

/** Bytes of scratch for `mixGroups`: codes, steps and lows of two queries and two groups. */
export const GROUPS_SCRATCH: usize = 4 * WEIGHTS + 32;

/**
 * acc (count, dim) = fades (count) · acc + Σ weights (count, 32) · (scales · codes + minima), over quads of tokens [from, to): group by
 * group the weights times its scales become codes, as they do for q8, and what they give to the minima is the same for all
 * channels. values: codes of one byte (32, dim), or `packed`; scales, minima: f32 (groups, 32).
 */
export function mixGroups(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize, dim: i32,
  from: usize, to: usize, count: i32, packed: bool, spare: usize,
): void {
  const steps = spare + 4 * WEIGHTS;
  const perChannel: usize = packed ? PACKED : 1;
  for (let n = 0; n < count; n += 2) {
    const two = n + 1 < count;
    for (let c = 0; c < dim; c += GROUP) {
      const odd = <usize>(c / GROUP & 1);
      if (!odd) {
        const group = <usize>(c / GROUP) * WEIGHTS;
        encodeGroups(spare, steps, weights, scales + group, minima + group, two, c + GROUP < dim);
      }
      const step = steps + (odd << 3);
      mixPair(
        acc + (<usize>c << 2), spare + 2 * odd * WEIGHTS, fades, step, step + 16, values + <usize>c * perChannel, dim,
        min(GROUP, dim - c), from, to, two, packed,
      );
    }
    acc += <usize>dim << 3;
    weights += WEIGHTS << 1;
    fades += 8;
  }
}
