// The steps of `attendRow`, for up to three queries at once, on lists of quads: four keys that follow each other, of a
// block, some of which are in the plan. assembly/mix-quads.ts makes functions of these bodies.
import { exp2, madd } from './exp';
import { greatest4, totals4 } from './lanes';
import { add, dot } from './products';

/** Most quads in a list. */
export const QUADS: usize = 32;
/** Bytes from one query's logits to the next one's: a vector for each quad. */
export const ROW_LOGITS: usize = QUADS * 16;
/** Bytes from one query's codes of weights to the next one's: eight for each quad. */
export const ROW_CODES: usize = QUADS * 8;

/**
 * codes (dim) i16 of a query to `out`, where 16 channels of `count` queries follow each other, 32 bytes each: as they are,
 * or, in the relaxed build, upper then lower parts, code = 128 · upper + lower, as bytes. Answers what the relaxed dot
 * products of keys plus 128 have too much.
 */
export function packQuery(out: usize, codes: usize, dim: i32, count: i32): i32 {
  const step = <usize>count << 5;
  let sums = i32x4.splat(0);
  for (const end = codes + (<usize>dim << 1); codes < end; codes += 32, out += step) {
    const x = v128.load(codes), y = v128.load(codes, 16);
    sums = i32x4.add(sums, i32x4.add(i32x4.dot_i16x8_s(x, i16x8.splat(1)), i32x4.dot_i16x8_s(y, i16x8.splat(1))));
    if (ASC_FEATURE_RELAXED_SIMD) {
      const seven = i16x8.splat(127);
      v128.store(out, i8x16.narrow_i16x8_s(i16x8.shr_s(x, 7), i16x8.shr_s(y, 7)));
      v128.store(out, i8x16.narrow_i16x8_s(v128.and(x, seven), v128.and(y, seven)), 16);
    } else {
      v128.store(out, x);
      v128.store(out, y, 16);
    }
  }
  const sum =
    i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) +
    i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  return ASC_FEATURE_RELAXED_SIMD ? sum << 7 : 0;
}

/** upper · 128 + lower. */
// @ts-ignore: decorator
@inline
function joined(upper: v128, lower: v128): v128 {
  return i32x4.add(i32x4.shl(upper, 7), lower);
}

/** Half the sums of a and of b: lanes 0 and 1 add up to that of a, 2 and 3 to that of b. */
// @ts-ignore: decorator
@inline
function halved(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 1, 4, 5), v128.shuffle<i32>(a, b, 2, 3, 6, 7));
}

// @ts-ignore: decorator
@inline
function put(out: usize, ab: v128, cd: v128, offset: usize, scale: usize, keyScales: v128): void {
  let sum = i32x4.add(v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), v128.shuffle<i32>(ab, cd, 1, 3, 5, 7));
  if (ASC_FEATURE_RELAXED_SIMD) sum = i32x4.sub(sum, v128.load32_splat(offset));
  v128.store(out, f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(sum), v128.load32_splat(scale)), keyScales));
}

/**
 * logits of `quads` quads and one, two or three queries: exact dots · query scale · key scale. step: bytes from 16
 * channels of a query to the next 16.
 */
// @ts-ignore: decorator
@inline
export function logitsQuads(
  logits: usize, queries: usize, step: usize, scales: usize, offsets: usize, keysAt: usize, keyScales: usize,
  quads: i32, dim: usize, two: bool, three: bool,
): void {
  for (const end = keysAt + (<usize>quads << 2); keysAt < end; keysAt += 4, keyScales += 16, logits += 16) {
    let k = <usize>load<u32>(keysAt);
    let ab0 = i32x4.splat(0), ab1 = ab0, ab2 = ab0, cd0 = ab0, cd1 = ab0, cd2 = ab0;
    if (ASC_FEATURE_RELAXED_SIMD) {
      // Two keys, then the other two: upper and lower parts of three queries fill the registers.
      for (let half = 0; half < 2; half++) {
        let u0 = i32x4.splat(0), u1 = u0, u2 = u0, l0 = u0, l1 = u0, l2 = u0;
        let v0 = u0, v1 = u0, v2 = u0, m0 = u0, m1 = u0, m2 = u0;
        let q = queries;
        for (const stop = k + dim; k < stop; k += 16, q += step) {
          const x = v128.xor(v128.load(k), i8x16.splat(-128));
          const y = v128.xor(v128.load(k + dim), i8x16.splat(-128));
          let part = v128.load(q);
          u0 = dot(u0, part, x), v0 = dot(v0, part, y);
          part = v128.load(q, 16);
          l0 = dot(l0, part, x), m0 = dot(m0, part, y);
          if (two) {
            part = v128.load(q, 32);
            u1 = dot(u1, part, x), v1 = dot(v1, part, y);
            part = v128.load(q, 48);
            l1 = dot(l1, part, x), m1 = dot(m1, part, y);
          }
          if (three) {
            part = v128.load(q, 64);
            u2 = dot(u2, part, x), v2 = dot(v2, part, y);
            part = v128.load(q, 80);
            l2 = dot(l2, part, x), m2 = dot(m2, part, y);
          }
        }
        k += dim;
        cd0 = halved(joined(u0, l0), joined(v0, m0));
        if (two) cd1 = halved(joined(u1, l1), joined(v1, m1));
        if (three) cd2 = halved(joined(u2, l2), joined(v2, m2));
        if (half == 0) ab0 = cd0, ab1 = cd1, ab2 = cd2;
      }
    } else {
      let a0 = ab0, b0 = ab0, c0 = ab0, d0 = ab0, a1 = ab0, b1 = ab0, c1 = ab0, d1 = ab0;
      let a2 = ab0, b2 = ab0, c2 = ab0, d2 = ab0;
      let q = queries;
      for (const stop = k + dim; k < stop; k += 16, q += step) {
        for (let at: usize = 0; at < 16; at += 8) {
          const y = v128.load(q + (at << 1));
          const z = two ? v128.load(q + (at << 1), 32) : y;
          const w = three ? v128.load(q + (at << 1), 64) : y;
          let x = v128.load8x8_s(k + at);
          a0 = add(a0, x, y);
          if (two) a1 = add(a1, x, z);
          if (three) a2 = add(a2, x, w);
          x = v128.load8x8_s(k + dim + at);
          b0 = add(b0, x, y);
          if (two) b1 = add(b1, x, z);
          if (three) b2 = add(b2, x, w);
          x = v128.load8x8_s(k + 2 * dim + at);
          c0 = add(c0, x, y);
          if (two) c1 = add(c1, x, z);
          if (three) c2 = add(c2, x, w);
          x = v128.load8x8_s(k + 3 * dim + at);
          d0 = add(d0, x, y);
          if (two) d1 = add(d1, x, z);
          if (three) d2 = add(d2, x, w);
        }
      }
      ab0 = halved(a0, b0), cd0 = halved(c0, d0);
      if (two) ab1 = halved(a1, b1), cd1 = halved(c1, d1);
      if (three) ab2 = halved(a2, b2), cd2 = halved(c2, d2);
    }
    const perKey = v128.load(keyScales);
    put(logits, ab0, cd0, offsets, scales, perKey);
    if (two) put(logits + ROW_LOGITS, ab1, cd1, offsets + 4, scales + 4, perKey);
    if (three) put(logits + 2 * ROW_LOGITS, ab2, cd2, offsets + 8, scales + 8, perKey);
  }
}

// @ts-ignore: decorator
@inline
function greatestOf(logits: usize, masks: usize, from: usize, to: usize): v128 {
  let most = f32x4.splat(-Infinity);
  for (let at = from << 4, end = to << 4; at < end; at += 16) {
    most = f32x4.max(most, v128.bitselect(v128.load(logits + at), f32x4.splat(-Infinity), v128.load(masks + at)));
  }
  return most;
}

/** Weights · value scales in place of logits; answers the sums of the weights, greatest products go to `most`. */
// @ts-ignore: decorator
@inline
function weigh(logits: usize, masks: usize, valueScales: usize, from: usize, to: usize, peak: usize, most: usize): v128 {
  const top = v128.load32_splat(peak);
  let total = f32x4.splat(0), greatest = f32x4.splat(0);
  for (let at = from << 4, end = to << 4; at < end; at += 16) {
    const weight = v128.and(exp2(f32x4.sub(v128.load(logits + at), top)), v128.load(masks + at));
    total = f32x4.add(total, weight);
    const product = f32x4.mul(weight, v128.load(valueScales + at));
    greatest = f32x4.max(greatest, product);
    v128.store(logits + at, product);
  }
  v128.store(most, greatest);
  return total;
}

/** Greatest code of a weight. */
const MOST: f32 = 32767;
/** Adding it rounds 0 ≤ x < 2²² to an integer (ties to even), which then stands in the low bits of the sum. */
const ROUND: f32 = 12582912;

// @ts-ignore: decorator
@inline
function encode(codes: usize, products: usize, from: usize, to: usize, inverse: usize): void {
  const factor = v128.load32_splat(inverse);
  for (let i = from; i < to; i++) {
    const x = f32x4.add(f32x4.mul(v128.load(products + (i << 4)), factor), f32x4.splat(ROUND));
    const bytes = ASC_FEATURE_RELAXED_SIMD
      ? v128.shuffle<i8>(x, x, 1, 5, 9, 13, 0, 4, 8, 12, 1, 5, 9, 13, 0, 4, 8, 12)
      : v128.shuffle<i8>(x, x, 0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13);
    v128.store64_lane(codes + (i << 3), bytes, 0);
  }
}

/**
 * One step of online softmax for up to four queries, in the lanes of vectors, over quads [from, to): those of one block.
 * state: running maxima, sums, then what the sums so far are multiplied by and what a code of 1 stands for (lib/soften.ts
 * does the same for one query). codes: of each quad the upper bytes of its four weights and the lower ones, or, in
 * SIMD128, i16. logits are lost.
 */
export function soften4(
  logits: usize, codes: usize, count: i32, masks: usize, valueScales: usize, from: usize, to: usize,
  state: usize, skipBelow: f32,
): void {
  const none = f32x4.splat(-Infinity);
  const a = greatestOf(logits, masks, from, to);
  const b = count > 1 ? greatestOf(logits + ROW_LOGITS, masks, from, to) : none;
  const c = count > 2 ? greatestOf(logits + 2 * ROW_LOGITS, masks, from, to) : none;
  const d = count > 3 ? greatestOf(logits + 3 * ROW_LOGITS, masks, from, to) : none;
  const here = greatest4(a, b, c, d);
  const before = v128.load(state);
  const now = f32x4.max(before, here);
  const faded = v128.bitselect(f32x4.splat(1), exp2(f32x4.sub(before, now)), f32x4.eq(before, now));
  // A query that skips the block has no weights in it.
  const skip = f32x4.lt(here, f32x4.sub(before, f32x4.splat(skipBelow)));
  const spare = state + 32;
  v128.store(spare, v128.bitselect(f32x4.splat(Infinity), now, skip));
  const most = state + 48;
  const zero = f32x4.splat(0);
  const e = weigh(logits, masks, valueScales, from, to, spare, most);
  const p = v128.load(most);
  const f = count > 1 ? weigh(logits + ROW_LOGITS, masks, valueScales, from, to, spare + 4, most) : zero;
  const q = count > 1 ? v128.load(most) : zero;
  const g = count > 2 ? weigh(logits + 2 * ROW_LOGITS, masks, valueScales, from, to, spare + 8, most) : zero;
  const r = count > 2 ? v128.load(most) : zero;
  const h = count > 3 ? weigh(logits + 3 * ROW_LOGITS, masks, valueScales, from, to, spare + 12, most) : zero;
  const s = count > 3 ? v128.load(most) : zero;
  v128.store(state, now);
  v128.store(state, f32x4.add(f32x4.mul(v128.load(state, 16), faded), totals4(e, f, g, h)), 16);
  const greatest = greatest4(p, q, r, s);
  const some = f32x4.gt(greatest, f32x4.splat(1e-30));
  v128.store(spare, v128.and(f32x4.div(f32x4.splat(MOST), greatest), some));
  encode(codes, logits, from, to, spare);
  if (count > 1) encode(codes + ROW_CODES, logits + ROW_LOGITS, from, to, spare + 4);
  if (count > 2) encode(codes + 2 * ROW_CODES, logits + 2 * ROW_LOGITS, from, to, spare + 8);
  if (count > 3) encode(codes + 3 * ROW_CODES, logits + 3 * ROW_LOGITS, from, to, spare + 12);
  v128.store(state, faded, 32);
  v128.store(state, v128.and(f32x4.div(greatest, f32x4.splat(MOST)), some), 48);
}

/** Four channels of query `which`: acc · fade + sum · step. */
// @ts-ignore: decorator
@inline
function keep(acc: usize, sum: v128, fades: usize, which: usize): void {
  const faded = f32x4.mul(v128.load(acc), v128.load32_splat(fades + (which << 2)));
  v128.store(acc, madd(f32x4.convert_i32x4_s(sum), v128.load32_splat(fades + (which << 2), 16), faded));
}

// @ts-ignore: decorator
@inline
function lowBytes(x: v128, y: v128): v128 {
  return v128.shuffle<i8>(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function lowPairs(x: v128, y: v128): v128 {
  return v128.shuffle<i16>(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function highPairs(x: v128, y: v128): v128 {
  return v128.shuffle<i16>(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
}

// @ts-ignore: decorator
@inline
function total(upper: v128, lower: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i32x4.add(i32x4.shl(upper, 8), lower) : upper;
}

/**
 * acc = fade · acc + step · Σ codes · values over quads [from, to), for one, two or three queries, 8 channels at a time.
 * fades: (4) f32, then steps (4).
 */
// @ts-ignore: decorator
@inline
export function mixSome(
  acc: usize, codes: usize, fades: usize, valuesAt: usize, from: usize, to: usize, dim: usize, two: bool, three: bool,
): void {
  const second = dim << 2, third = dim << 3;
  for (let c: usize = 0; c < dim; c += 8, acc += 32) {
    let u0 = i32x4.splat(0), v0 = u0, l0 = u0, m0 = u0;
    let u1 = u0, v1 = u0, l1 = u0, m1 = u0, u2 = u0, v2 = u0, l2 = u0, m2 = u0;
    for (let i = from; i < to; i++) {
      const v = <usize>load<u32>(valuesAt + (i << 2)) + c;
      const w = codes + (i << 3);
      if (ASC_FEATURE_RELAXED_SIMD) {
        const s = lowBytes(v128.load64_zero(v), v128.load64_zero(v + dim));
        const t = lowBytes(v128.load64_zero(v + 2 * dim), v128.load64_zero(v + 3 * dim));
        const x = lowPairs(s, t), y = highPairs(s, t);
        let p = v128.load32_splat(w);
        u0 = dot(u0, x, p), v0 = dot(v0, y, p);
        p = v128.load32_splat(w, 4);
        l0 = dot(l0, x, p), m0 = dot(m0, y, p);
        if (two) {
          p = v128.load32_splat(w, ROW_CODES);
          u1 = dot(u1, x, p), v1 = dot(v1, y, p);
          p = v128.load32_splat(w, ROW_CODES + 4);
          l1 = dot(l1, x, p), m1 = dot(m1, y, p);
        }
        if (three) {
          p = v128.load32_splat(w, 2 * ROW_CODES);
          u2 = dot(u2, x, p), v2 = dot(v2, y, p);
          p = v128.load32_splat(w, 2 * ROW_CODES + 4);
          l2 = dot(l2, x, p), m2 = dot(m2, y, p);
        }
      } else {
        for (let pair: usize = 0; pair < 8; pair += 4) {
          const at = v + (pair >> 1) * dim;
          const s = v128.load8x8_s(at), t = v128.load8x8_s(at + dim);
          const x = lowPairs(s, t), y = highPairs(s, t);
          let p = v128.load32_splat(w + pair);
          u0 = add(u0, x, p), v0 = add(v0, y, p);
          if (two) {
            p = v128.load32_splat(w + pair, ROW_CODES);
            u1 = add(u1, x, p), v1 = add(v1, y, p);
          }
          if (three) {
            p = v128.load32_splat(w + pair, 2 * ROW_CODES);
            u2 = add(u2, x, p), v2 = add(v2, y, p);
          }
        }
      }
    }
    keep(acc, total(u0, l0), fades, 0), keep(acc + 16, total(v0, m0), fades, 0);
    if (two) keep(acc + second, total(u1, l1), fades, 1), keep(acc + second + 16, total(v1, m1), fades, 1);
    if (three) keep(acc + third, total(u2, l2), fades, 2), keep(acc + third + 16, total(v2, m2), fades, 2);
  }
}
