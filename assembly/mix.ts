// Attention's weighted sums of values, one function for each codec and number of queries. They are exported so that the
// compiler leaves them apart: inlined into one another they share registers, spill, and take twice as long.
import { F32, mixFew, mixMany, WEIGHTS } from './lib/mix';
import { mixCodes } from './lib/mix-codes';
import { F16, Q4 } from './lib/page';

export function mixF32x1(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, scales, minima, dim, from, to, F32, false);
}
export function mixF32x2(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, scales, minima, dim, from, to, F32, true);
}
export function mixF32x3(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, scales, minima, dim, from, to, F32, false);
}
export function mixF32x4(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, scales, minima, dim, from, to, F32, true);
}
export function mixF16x1(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, scales, minima, dim, from, to, F16, false);
}
export function mixF16x2(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, scales, minima, dim, from, to, F16, true);
}
export function mixF16x3(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, scales, minima, dim, from, to, F16, false);
}
export function mixF16x4(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, scales, minima, dim, from, to, F16, true);
}
export function mixQ4x1(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, scales, minima, dim, from, to, Q4, false);
}
export function mixQ4x2(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixFew(acc, weights, fades, values, scales, minima, dim, from, to, Q4, true);
}
export function mixQ4x3(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, scales, minima, dim, from, to, Q4, false);
}
export function mixQ4x4(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
): void {
  mixMany(acc, weights, fades, values, scales, minima, dim, from, to, Q4, true);
}

/**
 * acc (count, dim) = fades (count) · acc + Σ weights (count, 32) · values (32, dim), over tokens [from, to). kind: F32,
 * or the codec of the values, F16 or Q4: codes of the first token of the block; scales, minima: f32 (32, groups), only for q4.
 */
export function mix(
  acc: usize, weights: usize, fades: usize, values: usize, scales: usize, minima: usize,
  dim: i32, from: usize, to: usize,
  count: i32, kind: i32,
): void {
  while (count > 0) {
    const some = min(count, 4);
    if (kind == F32) {
      if (some == 4) mixF32x4(acc, weights, fades, values, scales, minima, dim, from, to);
      else if (some == 3) mixF32x3(acc, weights, fades, values, scales, minima, dim, from, to);
      else if (some == 2) mixF32x2(acc, weights, fades, values, scales, minima, dim, from, to);
      else mixF32x1(acc, weights, fades, values, scales, minima, dim, from, to);
    } else if (kind == Q4) {
      if (some == 4) mixQ4x4(acc, weights, fades, values, scales, minima, dim, from, to);
      else if (some == 3) mixQ4x3(acc, weights, fades, values, scales, minima, dim, from, to);
      else if (some == 2) mixQ4x2(acc, weights, fades, values, scales, minima, dim, from, to);
      else mixQ4x1(acc, weights, fades, values, scales, minima, dim, from, to);
    } else {
      if (some == 4) mixF16x4(acc, weights, fades, values, scales, minima, dim, from, to);
      else if (some == 3) mixF16x3(acc, weights, fades, values, scales, minima, dim, from, to);
      else if (some == 2) mixF16x2(acc, weights, fades, values, scales, minima, dim, from, to);
      else mixF16x1(acc, weights, fades, values, scales, minima, dim, from, to);
    }
    acc += <usize>dim << 4;
    weights += WEIGHTS << 2;
    fades += 16;
    count -= 4;
  }
}

export function mixCodes1(
  acc: usize, codes: usize, fades: usize, steps: usize, values: usize, dim: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, values, <usize>dim, dim, from, to, false, false);
}
export function mixCodes2(
  acc: usize, codes: usize, fades: usize, steps: usize, values: usize, dim: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, values, <usize>dim, dim, from, to, true, false);
}
export function mixPacked1(
  acc: usize, codes: usize, fades: usize, steps: usize, values: usize, dim: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, values, <usize>dim, dim, from, to, false, true);
}
export function mixPacked2(
  acc: usize, codes: usize, fades: usize, steps: usize, values: usize, dim: i32, from: usize, to: usize,
): void {
  mixCodes(acc, <usize>dim << 2, codes, fades, steps, values, <usize>dim, dim, from, to, true, true);
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
    const two = n + 1 < count;
    if (packed) {
      if (two) mixPacked2(acc, codes, fades, steps, values, dim, from, to);
      else mixPacked1(acc, codes, fades, steps, values, dim, from, to);
    } else {
      if (two) mixCodes2(acc, codes, fades, steps, values, dim, from, to);
      else mixCodes1(acc, codes, fades, steps, values, dim, from, to);
    }
    acc += <usize>dim << 3;
    codes += WEIGHTS << 1;
    fades += 8;
    steps += 8;
  }
}
