// The steps of attention of one row, one function for each number of queries. They are exported so that the compiler
// leaves them apart: inlined into one another they share registers, spill, and take twice as long.
import { logitsQuads, mixSome, packQuery, ROW_CODES, ROW_LOGITS, soften4 } from './lib/quads';

export function packRowQuery(out: usize, codes: usize, dim: i32, count: i32): i32 {
  return packQuery(out, codes, dim, count);
}

export function logitsQuads1(
  logits: usize, queries: usize, step: usize, scales: usize, offsets: usize, keysAt: usize, keyScales: usize,
  quads: i32, dim: usize,
): void {
  logitsQuads(logits, queries, step, scales, offsets, keysAt, keyScales, quads, dim, false, false);
}
export function logitsQuads2(
  logits: usize, queries: usize, step: usize, scales: usize, offsets: usize, keysAt: usize, keyScales: usize,
  quads: i32, dim: usize,
): void {
  logitsQuads(logits, queries, step, scales, offsets, keysAt, keyScales, quads, dim, true, false);
}
export function logitsQuads3(
  logits: usize, queries: usize, step: usize, scales: usize, offsets: usize, keysAt: usize, keyScales: usize,
  quads: i32, dim: usize,
): void {
  logitsQuads(logits, queries, step, scales, offsets, keysAt, keyScales, quads, dim, true, true);
}

/** Logits of `quads` quads and one to four queries. */
export function logitsOf(
  logits: usize, queries: usize, count: i32, scales: usize, offsets: usize, keysAt: usize, keyScales: usize,
  quads: i32, dim: usize,
): void {
  const step = <usize>count << 5;
  if (count == 3) logitsQuads3(logits, queries, step, scales, offsets, keysAt, keyScales, quads, dim);
  else if (count == 1) logitsQuads1(logits, queries, step, scales, offsets, keysAt, keyScales, quads, dim);
  else {
    logitsQuads2(logits, queries, step, scales, offsets, keysAt, keyScales, quads, dim);
    if (count == 2) return;
    logits += 2 * ROW_LOGITS;
    logitsQuads2(logits, queries + 64, step, scales + 8, offsets + 8, keysAt, keyScales, quads, dim);
  }
}

export function softenQuads(
  logits: usize, codes: usize, count: i32, masks: usize, valueScales: usize, from: usize, to: usize,
  state: usize, skipBelow: f32,
): void {
  soften4(logits, codes, count, masks, valueScales, from, to, state, skipBelow);
}

export function mixQuads1(
  acc: usize, codes: usize, fades: usize, valuesAt: usize, from: usize, to: usize, dim: usize,
): void {
  mixSome(acc, codes, fades, valuesAt, from, to, dim, false, false);
}
export function mixQuads2(
  acc: usize, codes: usize, fades: usize, valuesAt: usize, from: usize, to: usize, dim: usize,
): void {
  mixSome(acc, codes, fades, valuesAt, from, to, dim, true, false);
}
export function mixQuads3(
  acc: usize, codes: usize, fades: usize, valuesAt: usize, from: usize, to: usize, dim: usize,
): void {
  mixSome(acc, codes, fades, valuesAt, from, to, dim, true, true);
}

/** acc (count, dim) = fades · acc + steps · Σ codes · values over quads [from, to), for one to four queries. */
export function mixQuads(
  acc: usize, codes: usize, count: i32, fades: usize, valuesAt: usize, from: usize, to: usize, dim: usize,
): void {
  if (count == 3) mixQuads3(acc, codes, fades, valuesAt, from, to, dim);
  else if (count == 1) mixQuads1(acc, codes, fades, valuesAt, from, to, dim);
  else {
    mixQuads2(acc, codes, fades, valuesAt, from, to, dim);
    if (count == 2) return;
    mixQuads2(acc + (dim << 3), codes + 2 * ROW_CODES, fades + 8, valuesAt, from, to, dim);
  }
}
