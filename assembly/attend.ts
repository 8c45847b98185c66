// Attention over a plan: softmax(scale · q·Kᵀ) · V over the ranges a tile reads, causal inside them, with a running
// maximum and sum (online softmax; FlashAttention-2, arXiv 2307.08691). All rows of a tile and all query heads of a KV
// head share one pass over the keys. Keys come in blocks of 32 aligned to absolute positions, and every row meets the
// same blocks in the same order, so its bits depend on its ranges and the pages only.
import { BLOCK, logitsF16, logitsF32, logitsQ8, splitQuery, splits, sumKeys } from './lib/dots';
import { ln } from './lib/exp';
import { hadamard } from './lib/hadamard';
import { F32, widen } from './lib/mix';
import {
  blockBytes, codeBytes, decodeBlock, decodeF16, F16, minimaAt, PAGE, Q4, Q8, q4Groups, scalesAt,
} from './lib/page';
import { quantizeQuery } from './lib/query';
import { soften } from './lib/soften';
import { mix } from './mix';

const NEVER: f32 = -Infinity;
const LN2: f64 = 0.6931471805599453;

// @ts-ignore: decorator
@inline
function padded(count: i32): usize {
  return <usize>((count + 3) & -4) << 2;
}

/** Bytes of scratch for a tile of `count` queries (rows · query heads of a KV head). */
export function attendScratch(count: i32, keyDim: i32, valueDim: i32): usize {
  const perBlock = <usize>(BLOCK * 4 * (1 + 4 + 2 * q4Groups(valueDim) + keyDim + valueDim));
  return perBlock + 4 * padded(count) + <usize>count * <usize>(4 * (keyDim + BLOCK + valueDim));
}

/** (row, key) pairs that `ranges` give to rows [position, position + rows), keys after a row left out. */
function pairsOf(ranges: usize, count: i32, position: i32, rows: i32): f64 {
  let pairs: i64 = 0;
  for (let i = 0; i < count; i++) {
    const start = load<i32>(ranges + (<usize>i << 3));
    const end = load<i32>(ranges + (<usize>i << 3), 4);
    if (end <= position + 1) {
      pairs += <i64>(end - start) * <i64>rows;
      continue;
    }
    for (let row = max(0, start - position); row < rows; row++) pairs += min(end, position + row + 1) - start;
  }
  return <f64>pairs;
}

/**
 * For q8 keys: out (dim) i16 = the query, rotated as they are, over its scale, which is returned. For f16 keys: the
 * query itself, f32, and 1. spare: dim f32.
 */
// @ts-ignore: decorator
@inline
function packQuery(out: usize, query: usize, dim: i32, keyCodec: i32, split: bool, spare: usize): f32 {
  const to = keyCodec == Q8 ? spare : out;
  memory.copy(to, query, <usize>dim << 2);
  if (keyCodec != Q8) return 1;
  hadamard(spare, dim);
  const scale = quantizeQuery(out, spare, dim);
  if (ASC_FEATURE_RELAXED_SIMD && split) splitQuery(out, dim, spare);
  return scale;
}

/** Bits [from, to) of a block, 0 ≤ from < to ≤ 32. */
// @ts-ignore: decorator
@inline
function bits(from: i32, to: i32): u32 {
  return (0xffffffff >>> (32 - (to - from))) << from;
}

/**
 * One KV head, one tile. q and out: rows of `group` heads side by side, `qRow` and `outRow` bytes apart; `position` is
 * that of the first row. keyAt, valueAt: from the start of a page to this head's blocks. lse: 0, or the address of the
 * first row's log-sum-exps, lseRow bytes apart. scale and skipBelow count in units of ln 2.
 */
function attendTile(
  out: usize, outRow: usize, q: usize, qRow: usize, lse: usize, lseRow: usize,
  rows: i32, group: i32, position: i32,
  table: usize, keyAt: usize, valueAt: usize, keyDim: i32, valueDim: i32, keyCodec: i32, valueCodec: i32,
  ranges: usize, count: i32, scale: f32, skipBelow: f32, scratch: usize,
): void {
  const queries = rows * group;
  const groups = q4Groups(valueDim);
  const keyScales = scratch;
  const keySums = keyScales + BLOCK * 4;
  const valueScales = keySums + BLOCK * 16;
  const minima = valueScales + <usize>(BLOCK * 4 * groups);
  const keys = minima + <usize>(BLOCK * 4 * groups);
  const values = keys + <usize>(BLOCK * 4 * keyDim);
  const scales = values + <usize>(BLOCK * 4 * valueDim);
  const tops = scales + padded(queries);
  const sums = tops + padded(queries);
  const fades = sums + padded(queries);
  const packed = fades + padded(queries);
  const logits = packed + <usize>(queries * keyDim << 2);
  const acc = logits + <usize>(queries * BLOCK << 2);
  const packedRow = <usize>keyDim << (keyCodec == Q8 ? 1 : 2);
  const accRow = <usize>valueDim << 2;
  const split = splits(queries);

  for (let n = 0; n < queries; n++) {
    const from = q + <usize>(n / group) * qRow + <usize>((n % group) * keyDim << 2);
    const step = packQuery(packed + <usize>n * packedRow, from, keyDim, keyCodec, split, keys);
    store<f32>(scales + (<usize>n << 2), step * scale);
    store<f32>(tops + (<usize>n << 2), NEVER);
  }
  memory.fill(sums, 0, padded(queries));
  memory.fill(acc, 0, <usize>queries * accRow);

  let range = 0;
  let base = count > 0 ? load<i32>(ranges) & -BLOCK : 0;
  while (range < count) {
    // Everything the ranges want of block [base, base + 32).
    let mask: u32 = 0;
    while (range < count) {
      const start = load<i32>(ranges + (<usize>range << 3)) - base;
      const end = load<i32>(ranges + (<usize>range << 3), 4) - base;
      if (start >= BLOCK) break;
      mask |= bits(max(start, 0), min(end, BLOCK));
      if (end > BLOCK) break;
      range++;
    }
    const first = <i32>ctz(mask);
    const firstRow = max(0, base + first - position);
    if (firstRow >= rows) break;

    const page = <usize>load<u32>(table + <usize>((base / PAGE) << 2));
    const token = base % PAGE;
    const firstQuery = firstRow * group;
    const some = queries - firstQuery;
    const scalesFrom = scales + (<usize>firstQuery << 2);
    const packedFrom = packed + <usize>firstQuery * packedRow;
    const logitsFrom = logits + (<usize>firstQuery << 7);
    let block = page + keyAt;
    const keyCodes = block + <usize>(token * codeBytes(keyCodec, keyDim));
    if (keyCodec == Q8) {
      decodeF16(keyScales, block + <usize>(scalesAt(Q8, keyDim) + (token << 1)), BLOCK);
      if (ASC_FEATURE_RELAXED_SIMD && split) sumKeys(keySums, keyCodes, keyDim);
      logitsQ8(logitsFrom, packedFrom, scalesFrom, some, keyCodes, keySums, keyScales, keyDim, mask, split);
    } else if (some <= 2) {
      logitsF16(logitsFrom, packedFrom, some, keyCodes, scale, keyDim, mask);
    } else {
      decodeBlock(keys, block, F16, keyDim, token, BLOCK);
      logitsF32(logitsFrom, packedFrom, some, keys, scale, keyDim, mask);
    }

    const from = <usize>first;
    const to = <usize>(BLOCK - <i32>clz(mask));
    block = page + valueAt;
    const codes = block + <usize>(token * codeBytes(valueCodec, valueDim));
    const weighted = valueCodec == Q8;
    if (weighted) {
      decodeF16(valueScales, block + <usize>(scalesAt(Q8, valueDim) + (token << 1)), BLOCK);
    } else if (valueCodec == Q4) {
      const at = block + <usize>(token * groups << 1);
      decodeF16(valueScales, at + <usize>scalesAt(Q4, valueDim), BLOCK * groups);
      decodeF16(minima, at + <usize>minimaAt(valueDim), BLOCK * groups);
    }
    // Few queries read codes straight from the page; for many it pays to widen the block once.
    const kind = some <= 4 ? valueCodec : F32;
    let ready = kind != F32;
    let run = firstQuery;
    for (let n = firstQuery; n <= queries; n++) {
      if (n < queries) {
        const at = <usize>n << 2;
        const visible = position + n / group + 1 - base;
        const seen = visible < BLOCK ? mask & bits(0, visible) : mask;
        if (soften(logits + (at << 5), tops + at, sums + at, fades + at, seen, valueScales, weighted, skipBelow)) continue;
      }
      if (n > run) {
        const accFrom = acc + <usize>run * accRow;
        const weights = logits + (<usize>run << 7);
        const fadesFrom = fades + (<usize>run << 2);
        if (!ready) widen(values, codes, valueScales, minima, valueDim, from, to, valueCodec);
        ready = true;
        mix(accFrom, weights, fadesFrom, kind == F32 ? values : codes, valueScales, minima, valueDim, from, to, n - run, kind);
      }
      run = n + 1;
    }
    if (range < count) base = max(base + BLOCK, load<i32>(ranges + (<usize>range << 3)) & -BLOCK);
  }

  for (let n = 0; n < queries; n++) {
    const to = out + <usize>(n / group) * outRow + <usize>((n % group) * valueDim << 2);
    const from = acc + <usize>n * accRow;
    const sum = load<f32>(sums + (<usize>n << 2));
    // Only NaN or infinite logits leave a sum of 0; the row is then NaN, for all to see.
    const divisor = f32x4.splat(sum);
    for (let c: usize = 0; c < accRow; c += 16) v128.store(to + c, f32x4.div(v128.load(from + c), divisor));
    if (lse) {
      const top = load<f32>(tops + (<usize>n << 2));
      const natural = sum > 0 ? <f32>(<f64>top * LN2 + ln(sum)) : NEVER;
      store<f32>(lse + <usize>(n / group) * lseRow + (<usize>(n % group) << 2), natural);
    }
  }
}

/**
 * out (rows, heads, valueDim), q (rows, heads, keyDim) f32. table: u32 addresses of pages. The plan: row
 * r = list · tiles + tile has counts[r] ranges at ranges + r · capacity · 8; `pairs` is an f64 counter that is added to.
 * skipBelow: Infinity never skips. lse: 0 or (rows, heads). scratch: `attendScratch` of the largest tile and group.
 */
export function attend(
  out: usize, q: usize, table: usize,
  counts: usize, ranges: usize, capacity: i32, lists: i32, pairs: usize,
  position: i32, rows: i32, tileRows: i32,
  heads: i32, kvHeads: i32, keyDim: i32, valueDim: i32, keyCodec: i32, valueCodec: i32,
  scale: f32, skipBelow: f32, lse: usize, scratch: usize,
): void {
  if (rows <= 0) return;
  const firstTile = position / tileRows;
  const tiles = (position + rows - 1) / tileRows - firstTile + 1;
  const qRow = <usize>(heads * keyDim << 2);
  const outRow = <usize>(heads * valueDim << 2);
  const lseRow = <usize>heads << 2;
  const keyBytes = blockBytes(keyCodec, keyDim);
  const headBytes = keyBytes + blockBytes(valueCodec, valueDim);
  // Inside, logits are in units of ln 2: softmax is then made of powers of two.
  const scale2 = <f32>(<f64>scale / LN2);
  const skip2 = <f32>(<f64>skipBelow / LN2);
  let sum: f64 = 0;
  for (let head = 0; head < kvHeads; head++) {
    // The query heads h with ⌊h · kvHeads / heads⌋ = head.
    const firstHead = (head * heads + kvHeads - 1) / kvHeads;
    const group = ((head + 1) * heads + kvHeads - 1) / kvHeads - firstHead;
    for (let tile = 0; tile < tiles; tile++) {
      const start = max(position, (firstTile + tile) * tileRows);
      const tileSize = min(position + rows, (firstTile + tile + 1) * tileRows) - start;
      const row = (lists == 1 ? 0 : head) * tiles + tile;
      const some = load<i32>(counts + (<usize>row << 2));
      const at = ranges + <usize>row * (<usize>capacity << 3);
      if (head < lists) sum += pairsOf(at, some, start, tileSize);
      if (group == 0) continue;
      const before = <usize>(start - position);
      attendTile(
        out + before * outRow + <usize>(firstHead * valueDim << 2), outRow,
        q + before * qRow + <usize>(firstHead * keyDim << 2), qRow,
        lse ? lse + before * lseRow + (<usize>firstHead << 2) : 0, lseRow,
        tileSize, group, start,
        table, <usize>(head * headBytes), <usize>(head * headBytes + keyBytes),
        keyDim, valueDim, keyCodec, valueCodec, at, some, scale2, skip2, scratch,
      );
    }
  }
  store<f64>(pairs, load<f64>(pairs) + sum);
}
