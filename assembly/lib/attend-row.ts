// Attention of one row with q8 keys and values: up to four query heads of a KV head. The same numbers as
// `attendTile`, bit for bit, from the same blocks of 32 keys. Chosen keys lie scattered over blocks, so everything here
// is done for quads of keys that have one in the plan, and for nothing else of a block; and for many blocks before the
// next step, so that the processor finds work while it waits for memory.
import { BLOCK } from './dots';
import { hadamard } from './hadamard';
import { halves4 } from './halves';
import { addLifts, liftBlock } from './lifts';
import { PAGE, Q8, scalesAt } from './page';
import { quantizeQuery } from './query';
import { QUADS, ROW_CODES, ROW_LOGITS } from './quads';
import { bits, carryAll, NEVER, writeRow } from './running';
import { logitsOf, mixQuads, packRowQuery, softenQuads } from '../mix-quads';
import { softcap } from '../softcap';

/** Query heads that are computed together. */
export const TOGETHER: usize = 4;

/** What a processor fetches from memory at once. */
const LINE: usize = 64;

/** Bytes of scratch for `attendRow`. */
export function rowScratch(keyDim: i32, valueDim: i32): usize {
  const perQuad: usize = 4 + 4 + 4 + 4 * 16;
  const queries = TOGETHER * (ROW_LOGITS + ROW_CODES + <usize>keyDim * 2 + <usize>valueDim * 4);
  return QUADS * perQuad + <usize>BLOCK * 4 + queries + 6 * 16 + <usize>keyDim * 6;
}

/**
 * One row, `count` ≤ 4 query heads. q (count, keyDim), out (count, valueDim), lse 0 or (count). All else as for
 * `attendTile`; begin and carry: 0, or (count, valueDim + 2).
 */
export function attendRow(
  out: usize, q: usize, lse: usize, count: i32, position: i32,
  table: usize, keyAt: usize, valueAt: usize, keyDim: i32, valueDim: i32,
  ranges: usize, lifts: usize, rangeCount: i32, window: i32, scale: f32, cap: f32, skipBelow: f32, scratch: usize,
  from: i32, to: i32, begin: usize, carry: usize,
): void {
  const masks = scratch;
  const keyScales = masks + QUADS * 16;
  const valueScales = keyScales + QUADS * 16;
  const logits = valueScales + QUADS * 16;
  const scales = logits + TOGETHER * ROW_LOGITS;
  const offsets = scales + 16;
  const tops = offsets + 16;
  const sums = tops + 16;
  const fades = sums + 16;
  const steps = fades + 16;
  const codes = steps + 16;
  const queries = codes + TOGETHER * ROW_CODES;
  const acc = queries + TOGETHER * <usize>keyDim * 2;
  const spare = acc + TOGETHER * <usize>valueDim * 4;
  const keysAt = spare + <usize>(keyDim * 6);
  const valuesAt = keysAt + QUADS * 4;
  const ends = valuesAt + QUADS * 4;
  const liftsOfBlock = ends + QUADS * 4;
  const liftsOfQuads = liftsOfBlock + <usize>BLOCK * 4;
  const accRow = <usize>valueDim << 2;

  for (let n = 0; n < count; n++) {
    const coded = spare + (<usize>keyDim << 2);
    memory.copy(spare, q + <usize>(n * keyDim << 2), <usize>keyDim << 2);
    hadamard(spare, keyDim);
    const step = quantizeQuery(coded, spare, keyDim);
    store<f32>(scales + (<usize>n << 2), step * scale);
    store<i32>(offsets + (<usize>n << 2), packRowQuery(queries + (<usize>n << 5), coded, keyDim, count));
  }
  v128.store(tops, f32x4.splat(NEVER));
  v128.store(sums, f32x4.splat(0));
  memory.fill(acc, 0, <usize>count * accRow);
  if (begin) carryAll(begin, 0, count, tops, sums, acc, accRow, count, false);

  const oldest = max(from, position + 1 - window);
  const end = min(to, position + 1);
  const scalesOfKeys = <usize>scalesAt(Q8, keyDim), scalesOfValues = <usize>scalesAt(Q8, valueDim);
  let range = 0;
  while (range < rangeCount && load<i32>(ranges + (<usize>range << 3), 4) <= oldest) range++;
  // Scales lie apart from the codes, on other pages of memory: asked for range after range, all of them are on their way
  // at once, and with the first of the codes so is what says where the rest of them is.
  let early: u32 = 0;
  for (let i = range; i < rangeCount; i++) {
    const start = max(oldest, load<i32>(ranges + (<usize>i << 3)));
    if (start >= end) break;
    const page = <usize>load<u32>(table + <usize>((start / PAGE) << 2));
    const token = <usize>(start % PAGE);
    const keys = page + keyAt, values = page + valueAt;
    early += load<u16>(keys + scalesOfKeys + (token << 1)) + load<u32>(keys + token * <usize>keyDim);
    early += load<u16>(values + scalesOfValues + (token << 1)) + load<u32>(values + token * <usize>valueDim);
  }
  store<u32>(spare, early);
  let base = range < rangeCount ? max(oldest, load<i32>(ranges + (<usize>range << 3))) & -BLOCK : end;
  while (range < rangeCount && base < end) {
    // Quads of the next blocks, as many as there is room for.
    let quads = 0;
    let blocks = 0;
    // One read of every line that will be needed: memory answers many at once, but only those that were asked for.
    let touched: u32 = 0;
    while (range < rangeCount && base < end && quads <= <i32>QUADS - 8) {
      let mask: u32 = 0;
      while (range < rangeCount) {
        const begins = load<i32>(ranges + (<usize>range << 3)) - base;
        const finishes = load<i32>(ranges + (<usize>range << 3), 4) - base;
        if (begins >= BLOCK) break;
        const low = max(max(begins, oldest - base), 0), high = min(finishes, BLOCK);
        mask |= bits(low, high);
        if (lifts) liftBlock(liftsOfBlock, low, high, load<f32>(lifts + (<usize>range << 2)));
        if (finishes > BLOCK) break;
        range++;
      }
      if (end - base < BLOCK) mask &= bits(0, end - base);
      const page = <usize>load<u32>(table + <usize>((base / PAGE) << 2));
      for (let token = <usize>(base % PAGE); mask; mask >>>= 4, token += 4) {
        if ((mask & 15) == 0) continue;
        const at = <usize>quads << 4;
        const lanes = v128.and(i32x4.splat(<i32>mask), i32x4(1, 2, 4, 8));
        v128.store(masks + at, i32x4.eq(lanes, i32x4(1, 2, 4, 8)));
        v128.store(keyScales + at, halves4(page + keyAt + scalesOfKeys + (token << 1)));
        v128.store(valueScales + at, halves4(page + valueAt + scalesOfValues + (token << 1)));
        if (lifts) v128.store(liftsOfQuads + at, v128.load(liftsOfBlock + ((token % BLOCK) << 2)));
        const keys = page + keyAt + token * <usize>keyDim, values = page + valueAt + token * <usize>valueDim;
        store<u32>(keysAt + (at >> 2), <u32>keys);
        store<u32>(valuesAt + (at >> 2), <u32>values);
        for (let line: usize = 0; line < <usize>keyDim << 2; line += LINE) touched += load<u32>(keys + line);
        for (let line: usize = 0; line < <usize>valueDim << 2; line += LINE) touched += load<u32>(values + line);
        quads++;
      }
      store<i32>(ends + (<usize>blocks << 2), quads);
      blocks++;
      if (range < rangeCount) base = max(base + BLOCK, load<i32>(ranges + (<usize>range << 3)) & -BLOCK);
    }
    // Nobody reads it, but the reads must not be left out.
    store<u32>(spare, touched);
    logitsOf(logits, queries, count, scales, offsets, keysAt, keyScales, quads, keyDim);
    if (cap > 0) {
      for (let n = 0; n < count; n++) softcap(logits + <usize>n * ROW_LOGITS, quads * 4, cap);
    }
    if (lifts) addLifts(logits, ROW_LOGITS, count, liftsOfQuads, <usize>quads << 4);
    let first: usize = 0;
    for (let block = 0; block < blocks; block++) {
      const last = <usize>load<i32>(ends + (<usize>block << 2));
      softenQuads(logits, codes, count, masks, valueScales, first, last, tops, skipBelow);
      mixQuads(acc, codes, count, fades, valuesAt, first, last, valueDim);
      first = last;
    }
  }

  if (carry) {
    carryAll(carry, 0, count, tops, sums, acc, accRow, count, true);
    return;
  }
  for (let n = 0; n < count; n++) {
    const at = <usize>n << 2;
    writeRow(
      out + <usize>n * accRow, lse ? lse + at : 0, acc + <usize>n * accRow, accRow,
      load<f32>(tops + at), load<f32>(sums + at),
    );
  }
}
