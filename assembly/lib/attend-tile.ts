// Attention of one tile and one KV head: all rows and all query heads of the KV head in one pass over the keys.
import { rowScratch } from './attend-row';
import { BLOCK, logitsF16, logitsF32, logitsQ8, splitQuery, splits, sumKeys } from './dots';
import { hadamard } from './hadamard';
import { addLifts, liftBlock } from './lifts';
import { packValues } from './mix-codes';
import {
  byGroup, bytesOf, codeBytes, decodeBlock, decodeF16, F16, groupsOf, minimaAt, nibblesOf, PAGE, Q2, Q4, Q8, scalesAt,
} from './page';
import { quantizeQuery } from './query';
import { bits, carryAll, NEVER, writeRow } from './running';
import { soften } from './soften';
import { GROUPS_SCRATCH, mix, mixGroups, mixInteger } from '../mix';
import { softcap } from '../softcap';

/** Most queries that read the codes of values where they are stored, and most that read halves there. */
const DIRECT: i32 = 2;
const FEW: i32 = 4;

// @ts-ignore: decorator
@inline
function padded(count: i32): usize {
  return <usize>((count + 3) & -4) << 2;
}

/** Bytes for the keys of a block in f32, and then for its values, a byte for each code. */
// @ts-ignore: decorator
@inline
function keysRoom(keyDim: i32, valueDim: i32): usize {
  return <usize>(BLOCK * max(keyDim << 2, valueDim));
}

/** Bytes of scratch for a tile of `count` queries (rows · query heads of a KV head). */
export function attendScratch(count: i32, keyDim: i32, valueDim: i32): usize {
  const perBlock = <usize>(BLOCK * 4 * (1 + 1 + 4 + 2 * groupsOf(valueDim) + valueDim)) + keysRoom(keyDim, valueDim);
  const tile = perBlock + 5 * padded(count) + <usize>count * <usize>(4 * (keyDim + BLOCK + valueDim));
  return max(tile + GROUPS_SCRATCH, rowScratch(keyDim, valueDim));
}

/**
 * For q8 keys: out (dim) i16 = the query, rotated as they are, over its scale, which is returned. For q4 keys: the rotated
 * query, for f16 keys the query itself, f32, and 1. spare: dim f32.
 */
// @ts-ignore: decorator
@inline
function packQuery(out: usize, query: usize, dim: i32, keyCodec: i32, split: bool, spare: usize): f32 {
  const to = keyCodec == Q8 ? spare : out;
  memory.copy(to, query, <usize>dim << 2);
  if (keyCodec == F16) return 1;
  hadamard(to, dim);
  if (keyCodec == Q4) return 1;
  const scale = quantizeQuery(out, spare, dim);
  if (ASC_FEATURE_RELAXED_SIMD && split) splitQuery(out, dim, spare);
  return scale;
}

/**
 * One KV head, one tile. q and out: rows of `group` heads side by side, `qRow` and `outRow` bytes apart; `position` is
 * that of the first row. keyAt, valueAt: from the start of a page to this head's blocks. lse: 0, or the address of the
 * first row's log-sum-exps, lseRow bytes apart. A row at p reads keys in (p − window, p]. scale, cap (0 for none) and
 * skipBelow count in units of ln 2. lifts: 0, or those of `ranges`. Only keys in [from, to), multiples of 64, are read. begin: 0, or what an earlier pass
 * wrote for the first row, carryRow bytes apart; carry: 0, or where this one writes it, and then no out and lse.
 */
export function attendTile(
  out: usize, outRow: usize, q: usize, qRow: usize, lse: usize, lseRow: usize,
  rows: i32, group: i32, position: i32,
  table: usize, keyAt: usize, valueAt: usize, keyDim: i32, valueDim: i32, keyCodec: i32, valueCodec: i32,
  ranges: usize, lifts: usize, count: i32, window: i32, scale: f32, cap: f32, skipBelow: f32, scratch: usize,
  from: i32, to: i32, begin: usize, carry: usize, carryRow: usize,
): void {
  const queries = rows * group;
  const groups = groupsOf(valueDim);
  const keyScales = scratch;
  const keySums = keyScales + BLOCK * 4;
  const valueScales = keySums + BLOCK * 16;
  const minima = valueScales + <usize>(BLOCK * 4 * groups);
  const keys = minima + <usize>(BLOCK * 4 * groups);
  const values = keys + keysRoom(keyDim, valueDim);
  const scales = values + <usize>(BLOCK * 4 * valueDim);
  const tops = scales + padded(queries);
  const sums = tops + padded(queries);
  const fades = sums + padded(queries);
  const steps = fades + padded(queries);
  const codedQueries = steps + padded(queries);
  const logits = codedQueries + <usize>(queries * keyDim << 2);
  const liftsOfBlock = logits + <usize>(queries * BLOCK << 2);
  const acc = liftsOfBlock + <usize>(BLOCK << 2);
  const groupCodes = acc + <usize>(queries * valueDim << 2);
  const packedRow = <usize>keyDim << (keyCodec == Q8 ? 1 : 2);
  const accRow = <usize>valueDim << 2;
  const split = splits(queries);

  for (let n = 0; n < queries; n++) {
    const query = q + <usize>(n / group) * qRow + <usize>((n % group) * keyDim << 2);
    const step = packQuery(codedQueries + <usize>n * packedRow, query, keyDim, keyCodec, split, keys);
    store<f32>(scales + (<usize>n << 2), step * scale);
    store<f32>(tops + (<usize>n << 2), NEVER);
  }
  memory.fill(sums, 0, padded(queries));
  memory.fill(acc, 0, <usize>queries * accRow);
  if (begin) carryAll(begin, carryRow, group, tops, sums, acc, accRow, queries, false);

  // The oldest key that the first row may read; every later row's window starts after it.
  const oldest = max(from, position + 1 - window);
  let range = 0;
  while (range < count && load<i32>(ranges + (<usize>range << 3), 4) <= oldest) range++;
  let base = range < count ? max(oldest, load<i32>(ranges + (<usize>range << 3))) & -BLOCK : 0;
  while (range < count && base < to) {
    // Everything the ranges want of block [base, base + 32).
    let mask: u32 = 0;
    while (range < count) {
      const begins = load<i32>(ranges + (<usize>range << 3)) - base;
      const ends = load<i32>(ranges + (<usize>range << 3), 4) - base;
      if (begins >= BLOCK) break;
      const low = max(max(begins, oldest - base), 0), high = min(ends, BLOCK);
      mask |= bits(low, high);
      if (lifts) liftBlock(liftsOfBlock, low, high, load<f32>(lifts + (<usize>range << 2)));
      if (ends > BLOCK) break;
      range++;
    }
    const first = <i32>ctz(mask);
    const last = BLOCK - 1 - <i32>clz(mask);
    const firstRow = max(0, base + first - position);
    if (firstRow >= rows) break;
    const endRow = min(rows, base + last + window - position);

    const page = <usize>load<u32>(table + <usize>((base / PAGE) << 2));
    const token = base % PAGE;
    const firstQuery = firstRow * group;
    const endQuery = endRow * group;
    const some = endQuery - firstQuery;
    const scalesFrom = scales + (<usize>firstQuery << 2);
    const queriesFrom = codedQueries + <usize>firstQuery * packedRow;
    const logitsFrom = logits + (<usize>firstQuery << 7);
    let block = page + keyAt;
    const keyCodes = block + <usize>(token * codeBytes(keyCodec, keyDim));
    if (keyCodec == Q8) {
      decodeF16(keyScales, block + <usize>(scalesAt(Q8, keyDim) + (token << 1)), BLOCK);
      if (ASC_FEATURE_RELAXED_SIMD && split) sumKeys(keySums, keyCodes, keyDim);
      logitsQ8(logitsFrom, queriesFrom, scalesFrom, some, keyCodes, keySums, keyScales, keyDim, mask, split);
    } else if (keyCodec == F16 && some <= 2) {
      logitsF16(logitsFrom, queriesFrom, some, keyCodes, scale, keyDim, mask);
    } else {
      decodeBlock(keys, block, keyCodec, keyDim, token, BLOCK);
      logitsF32(logitsFrom, queriesFrom, some, keys, scale, keyDim, mask);
    }

    if (cap > 0) softcap(logitsFrom, some * BLOCK, cap);
    if (lifts) addLifts(logitsFrom, <usize>BLOCK << 2, some, liftsOfBlock, <usize>BLOCK << 2);

    const start = <usize>first;
    const end = <usize>(last + 1);
    block = page + valueAt;
    let codes = block + <usize>(token * codeBytes(valueCodec, valueDim));
    const integer = valueCodec == Q8;
    const grouped = valueCodec == Q4 || valueCodec == Q2;
    // Few queries read codes where they are; for many it pays to lay out or widen the block once.
    const packed = !integer && !grouped ? some > FEW : some > DIRECT;
    if (integer) decodeF16(valueScales, block + <usize>(scalesAt(Q8, valueDim) + (token << 1)), BLOCK);
    else if (grouped) {
      const at = block + <usize>(token * groups << 1);
      byGroup(valueScales, at + <usize>scalesAt(valueCodec, valueDim), groups);
      byGroup(minima, at + <usize>minimaAt(valueCodec, valueDim), groups);
      // A byte for each code, where the keys were, of whole quads of tokens.
      const skipped = start & -4;
      const count = <i32>(((end + 3) & -4) - skipped) * valueDim;
      if (valueCodec == Q2) nibblesOf(values, codes + skipped * <usize>(valueDim >> 2), count >> 2);
      const nibbles = valueCodec == Q2 ? values : codes + skipped * <usize>(valueDim >> 1);
      bytesOf(keys + skipped * <usize>valueDim, nibbles, count >> 1);
      codes = keys;
    }
    if (packed) {
      if (integer || grouped) packValues(values, codes, valueDim, start >> 2, (end + 3) >> 2);
      else decodeF16(values + start * accRow, codes + start * <usize>(valueDim << 1), (last + 1 - first) * valueDim);
      codes = values;
    }
    const perToken: usize = integer ? valueScales : 0;
    let run = firstQuery;
    for (let n = firstQuery; n <= endQuery; n++) {
      if (n < endQuery) {
        const at = <usize>n << 2;
        const visible = position + n / group + 1 - base;
        let seen = visible < BLOCK ? mask & bits(0, visible) : mask;
        if (visible > window) seen &= bits(visible - window, BLOCK);
        const own = logits + (at << 5);
        if (seen && soften(own, tops + at, sums + at, fades + at, steps + at, seen, perToken, skipBelow)) continue;
      }
      if (n > run) {
        const at = <usize>run << 2;
        const accFrom = acc + <usize>run * accRow;
        const weights = logits + (at << 5);
        const quads = (end + 3) >> 2;
        if (integer) {
          mixInteger(accFrom, weights, fades + at, steps + at, codes, valueDim, start >> 2, quads, n - run, packed);
        } else if (grouped) {
          mixGroups(
            accFrom, weights, fades + at, codes, valueScales, minima, valueDim, start >> 2, quads, n - run, packed,
            groupCodes,
          );
        } else mix(accFrom, weights, fades + at, codes, valueDim, start, end, n - run, packed);
      }
      run = n + 1;
    }
    if (range < count) base = max(base + BLOCK, load<i32>(ranges + (<usize>range << 3)) & -BLOCK);
  }

  if (carry) {
    carryAll(carry, carryRow, group, tops, sums, acc, accRow, queries, true);
    return;
  }
  for (let n = 0; n < queries; n++) {
    const target = out + <usize>(n / group) * outRow + <usize>((n % group) * valueDim << 2);
    const row = lse ? lse + <usize>(n / group) * lseRow + (<usize>(n % group) << 2) : 0;
    const at = <usize>n << 2;
    writeRow(target, row, acc + <usize>n * accRow, accRow, load<f32>(tops + at), load<f32>(sums + at));
  }
}

