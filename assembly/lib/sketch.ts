// Sketches: what a key looks like in two bits a channel, for choosing and not for attending. A key, rotated so that its
// channels are alike, is the mean of its page plus `PLANES` vectors of signs, each with a scale (residual binarisation;
// signs after a rotation: RaBitQ, arXiv 2405.12497). Sums of ±q are looked up four channels at a time.
import { PAGE } from './page';

/** Vectors of signs per key. */
export const PLANES: i32 = 2;
/** Tokens whose signs lie together: a vector holds one byte of each. */
export const SUB_BLOCK: i32 = 16;
/** Greatest entry of a lookup table: eight of them add up inside an i8. */
const MOST: f32 = 15;

// A head of a page has two records, which lie apart, so that who asks for one plane streams it alone:
//   first   the centre, i8 (dim), its scale f16, the planes' scale f16, 12 bytes of zeros; then the first plane
//   second  the second plane
// A plane is the tokens' scales, u15 [token] in steps of the planes' scale / 2¹⁴, and their signs [sub-block][byte][token],
// bit i of byte j set where channel 8j + i is negative.

/** Scales of tokens count 2¹⁴ to the planes' scale: the greatest of the first plane. Those of the second may be twice it. */
export const SCALE_BITS: i32 = 14;

/** Bytes of the centre and the scales. */
// @ts-ignore: decorator
@inline
export function centreBytes(dim: i32): usize {
  return <usize>(dim + 16);
}

/** Bytes of one plane: of the second record. */
// @ts-ignore: decorator
@inline
export function planeBytes(dim: i32): usize {
  return <usize>(2 * PAGE + PAGE / 8 * dim);
}

/** Bits that a sum of dim / 4 entries can be shifted left inside an i16. */
export function headroom(dim: i32): i32 {
  return clz(<i32>MOST * (dim >> 2)) - 17;
}

/** Σ |q| of four channels, from the first to the last. */
// @ts-ignore: decorator
@inline
function magnitude(q: usize): f32 {
  const x = f32x4.abs(v128.load(q));
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3);
}

/**
 * table (dim / 4, 16) i8: entry m of group g is Σ_i (bit i of m ? −q : q) of channels 4g + i, over the step that is
 * returned: the greatest sum / 15. q: (dim) f32, rotated.
 */
export function lookups(table: usize, q: usize, dim: i32): f32 {
  const end = q + (<usize>dim << 2);
  let most: f32 = 0;
  for (let p = q; p < end; p += 16) most = max<f32>(most, magnitude(p));
  const inverse = f32x4.splat(most > 0 ? MOST / most : 0);
  for (; q < end; q += 16, table += 16) {
    const a = v128.xor(v128.load32_splat(q), i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE));
    const b = v128.xor(v128.load32_splat(q, 4), i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE));
    const c = v128.load32_splat(q, 8), d = v128.load32_splat(q, 12);
    const ab = f32x4.add(a, b);
    const plus = f32x4.add(ab, c), minus = f32x4.sub(ab, c);
    const low = i16x8.narrow_i32x4_s(rounded(f32x4.add(plus, d), inverse), rounded(f32x4.add(minus, d), inverse));
    const high = i16x8.narrow_i32x4_s(rounded(f32x4.sub(plus, d), inverse), rounded(f32x4.sub(minus, d), inverse));
    v128.store(table, i8x16.narrow_i16x8_s(low, high));
  }
  return most / MOST;
}

// @ts-ignore: decorator
@inline
function rounded(x: v128, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(x, inverse)));
}

/** Entries 0…15 of a table; every index is below 16, where all engines agree on the relaxed one. */
// @ts-ignore: decorator
@inline
function entries(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

/** Entries of two tables for the eight channels whose signs are the bytes `x`, of 16 tokens. */
// @ts-ignore: decorator
@inline
function both(low: v128, high: v128, x: v128): v128 {
  const mask = i8x16.splat(15);
  return i8x16.add(entries(low, v128.and(x, mask)), entries(high, v128.and(i16x8.shr_u(x, 4), mask)));
}

// @ts-ignore: decorator
@inline
function eight(table: usize, x: v128): v128 {
  return both(v128.load(table), v128.load(table, 16), x);
}

/** Sums of an i8 vector's halves, as i16, go to (or on top of) the 16 i16 at `out`. */
// @ts-ignore: decorator
@inline
function widen(out: usize, sum: v128, more: bool): void {
  let low = i16x8.extend_low_i8x16_s(sum), high = i16x8.extend_high_i8x16_s(sum);
  if (more) {
    low = i16x8.add(low, v128.load(out));
    high = i16x8.add(high, v128.load(out, 16));
  }
  v128.store(out, low);
  v128.store(out, high, 16);
}

/** out (16) i16 = for each token of a sub-block the sum of its entries: Σ ±q, over the step of the table. dim % 16 = 0. */
// @ts-ignore: decorator
@inline
export function sumSigns(out: usize, table: usize, signs: usize, dim: i32): void {
  let left = dim;
  for (; left >= 32; left -= 32, signs += 64, table += 128) {
    let sum = i8x16.add(eight(table, v128.load(signs)), eight(table + 32, v128.load(signs, 16)));
    sum = i8x16.add(sum, eight(table + 64, v128.load(signs, 32)));
    sum = i8x16.add(sum, eight(table + 96, v128.load(signs, 48)));
    widen(out, sum, left < dim);
  }
  if (left) {
    widen(out, i8x16.add(eight(table, v128.load(signs)), eight(table + 32, v128.load(signs, 16))), left < dim);
  }
}

/** As `sumSigns`, for the four sub-blocks of a page at once: each table is fetched once. out (64) i16. */
// @ts-ignore: decorator
@inline
export function sumPage(out: usize, table: usize, signs: usize, dim: i32): void {
  const next = <usize>dim << 1;
  for (let left = dim; left > 0; left -= 32, signs += 64, table += 128) {
    const end = signs + (<usize>min(left, 32) << 1);
    let a = i8x16.splat(0), b = a, c = a, d = a;
    for (let at = signs, t = table; at < end; at += 16, t += 32) {
      const low = v128.load(t), high = v128.load(t, 16);
      a = i8x16.add(a, both(low, high, v128.load(at)));
      b = i8x16.add(b, both(low, high, v128.load(at + next)));
      c = i8x16.add(c, both(low, high, v128.load(at + 2 * next)));
      d = i8x16.add(d, both(low, high, v128.load(at + 3 * next)));
    }
    widen(out, a, left < dim);
    widen(out + 32, b, left < dim);
    widen(out + 64, c, left < dim);
    widen(out + 96, d, left < dim);
  }
}

/** out (count) i16 [+]= sums · scales, both i16, over 2¹⁵ and shifted left by `shift` first; saturating. count % 8 = 0. */
// @ts-ignore: decorator
@inline
export function weigh(out: usize, sums: usize, scales: usize, shift: i32, count: i32, more: bool): void {
  for (let at: usize = 0; at < <usize>count << 1; at += 16) {
    let x = scaled(i16x8.shl(v128.load(sums + at), shift), v128.load(scales + at));
    if (more) x = i16x8.add_sat_s(x, v128.load(out + at));
    v128.store(out + at, x);
  }
}

/** a · b / 2¹⁵, rounded to nearest, halves up. Never both −2¹⁵, the one case that engines may answer differently. */
// @ts-ignore: decorator
@inline
function scaled(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_q15mulr_s(a, b);
  return i16x8.q15mulr_sat_s(a, b);
}

/** The greatest of `count` i16, at least one. Up to seven more are read. Up to 24 there is nothing to branch on. */
// @ts-ignore: decorator
@inline
export function greatest(at: usize, count: i32): i32 {
  const last = max(count - 8, 0);
  let most = i16x8.max_s(v128.load(at), v128.load(at + (<usize>last << 1)));
  most = i16x8.max_s(most, v128.load(at + (<usize>min(8, last) << 1)));
  for (let i = 16; i < last; i += 8) most = i16x8.max_s(most, v128.load(at + (<usize>i << 1)));
  // Of fewer than eight, the rest of the one vector read is not theirs.
  const inside = i16x8.gt_s(i16x8.splat(<i16>count), i16x8(0, 1, 2, 3, 4, 5, 6, 7));
  most = v128.bitselect(most, i16x8.splat(i16.MIN_VALUE), inside);
  most = i16x8.max_s(most, v128.shuffle<i16>(most, most, 4, 5, 6, 7, 0, 1, 2, 3));
  most = i16x8.max_s(most, v128.shuffle<i16>(most, most, 2, 3, 0, 1, 6, 7, 4, 5));
  return max(i16x8.extract_lane_s(most, 0), i16x8.extract_lane_s(most, 1));
}
