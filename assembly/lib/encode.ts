// Encoding one vector into a block of a page. src/codecs/*.ts are the definition; the f32 operations here come in the
// same order, so the bytes are the same.
import { f16ToF32, f32ToF16 } from './f16';
import { F16, GROUP, groupsOf, minimaAt, Q4, Q8, scalesAt } from './page';

/** Largest finite half. */
const HALF_MAX: f32 = 65504;
/** Largest magnitude that q8 stores. */
const Q8_MAX: f32 = 65504 * 127;

/** NaN becomes 0, what is beyond ±limit becomes ±limit. */
// @ts-ignore: decorator
@inline
function tame(x: v128, limit: f32): v128 {
  const numbers = v128.and(x, f32x4.eq(x, x));
  return f32x4.max(f32x4.min(numbers, f32x4.splat(limit)), f32x4.splat(-limit));
}

/** out (dim) = x (dim), made finite enough to be rotated. */
// @ts-ignore: decorator
@inline
export function copyTamed(out: usize, x: usize, dim: i32): void {
  const end = x + (<usize>dim << 2);
  for (; x < end; x += 16, out += 16) v128.store(out, tame(v128.load(x), HALF_MAX));
}

// @ts-ignore: decorator
@inline
function maxLane(x: v128): f32 {
  const pair = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

// @ts-ignore: decorator
@inline
function minLane(x: v128): f32 {
  const pair = f32x4.min(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return min<f32>(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

/** Four f32 within ±65504 as halves in i32 lanes, ties to even. */
// @ts-ignore: decorator
@inline
function toHalves(x: v128): v128 {
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  const rest = v128.and(x, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(rest, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(rest, odd), i32x4.splat(0xfff - (112 << 23))), 13);
  const tiny = i32x4.sub(f32x4.add(rest, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  return v128.or(sign, v128.bitselect(tiny, normal, i32x4.lt_s(rest, i32x4.splat(0x38800000))));
}

// @ts-ignore: decorator
@inline
function encodeF16(codes: usize, x: usize, dim: i32): void {
  const end = x + (<usize>dim << 2);
  for (; x < end; x += 32, codes += 16) {
    const low = toHalves(tame(v128.load(x), HALF_MAX));
    const high = toHalves(tame(v128.load(x, 16), HALF_MAX));
    v128.store(codes, i16x8.narrow_i32x4_u(low, high));
  }
}

/** Bits of the nearest half to range / most, or of the next half up where a code would else pass `most`. */
// @ts-ignore: decorator
@inline
function scaleBits(range: f32, most: f32): u32 {
  const bits = f32ToF16(range / most);
  const scale = f16ToF32(bits);
  return range > 0 && (scale == 0 || nearest<f32>(range / scale) > most) ? bits + 1 : bits;
}

/** Four codes in i32 lanes: x / scale to the nearest, ties to even. 0 / 0 gives 0. */
// @ts-ignore: decorator
@inline
function quantise(x: v128, scale: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(x, scale)));
}

// @ts-ignore: decorator
@inline
function encodeQ8(block: usize, token: i32, x: usize, dim: i32): void {
  const end = x + (<usize>dim << 2);
  let most = f32x4.splat(0);
  for (let p = x; p < end; p += 16) most = f32x4.max(most, f32x4.abs(tame(v128.load(p), Q8_MAX)));
  const bits = scaleBits(maxLane(most), 127);
  const scale = f32x4.splat(f16ToF32(bits));
  let codes = block + <usize>(token * dim);
  for (let p = x; p < end; p += 64, codes += 16) {
    const a = quantise(tame(v128.load(p), Q8_MAX), scale);
    const b = quantise(tame(v128.load(p, 16), Q8_MAX), scale);
    const c = quantise(tame(v128.load(p, 32), Q8_MAX), scale);
    const d = quantise(tame(v128.load(p, 48), Q8_MAX), scale);
    v128.store(codes, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
  }
  store<u16>(block + <usize>(scalesAt(Q8, dim) + (token << 1)), <u16>bits);
}

/** Bits of the greatest half that is not above `value`. */
// @ts-ignore: decorator
@inline
function halfBelow(value: f32): u32 {
  const bits = f32ToF16(value);
  if (f16ToF32(bits) <= value) return bits;
  if ((bits & 0x7fff) == 0) return 0x8001;
  return bits & 0x8000 ? bits + 1 : bits - 1;
}

/** In q4 or q2: codes of 4 or 2 bits. */
// @ts-ignore: decorator
@inline
function encodeGroups(block: usize, codec: i32, token: i32, x: usize, dim: i32): void {
  const groups = groupsOf(dim);
  const greatest: f32 = codec == Q4 ? 15 : 3;
  for (let group = 0; group < groups; group++) {
    const from = x + <usize>(group * GROUP << 2);
    const end = x + <usize>(min(group * GROUP + GROUP, dim) << 2);
    let least = f32x4.splat(HALF_MAX);
    let most = f32x4.splat(-HALF_MAX);
    for (let p = from; p < end; p += 16) {
      const v = tame(v128.load(p), HALF_MAX);
      least = f32x4.min(least, v);
      most = f32x4.max(most, v);
    }
    const low = halfBelow(minLane(least));
    const minimum = f16ToF32(low);
    const bits = scaleBits(maxLane(most) - minimum, greatest);
    const scale = f32x4.splat(f16ToF32(bits));
    const floor = f32x4.splat(minimum);
    let codes = block + <usize>((token * dim + group * GROUP) >> (codec == Q4 ? 1 : 2));
    for (let p = from; p < end; p += 32) {
      const a = quantise(f32x4.sub(tame(v128.load(p), HALF_MAX), floor), scale);
      const b = quantise(f32x4.sub(tame(v128.load(p, 16), HALF_MAX), floor), scale);
      // Eight codes in i16 lanes: the odd ones move up by a nibble and join the even ones below them.
      const eight = i16x8.narrow_i32x4_s(a, b);
      const pairs = v128.and(v128.or(eight, i32x4.shr_u(eight, 12)), i32x4.splat(255));
      const words = i16x8.narrow_i32x4_s(pairs, pairs);
      let eightCodes = i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0);
      if (codec == Q4) {
        store<u32>(codes, eightCodes);
        codes += 4;
        continue;
      }
      // Nibbles that hold two bits join, two into one, then two of those into a byte.
      eightCodes = (eightCodes | (eightCodes >> 2)) & 0x0f0f0f0f;
      eightCodes = (eightCodes | (eightCodes >> 4)) & 0x00ff00ff;
      store<u16>(codes, <u16>(eightCodes | (eightCodes >> 8)));
      codes += 2;
    }
    const at = block + <usize>(((token * groups + group) << 1) + scalesAt(codec, dim));
    store<u16>(at, <u16>bits);
    store<u16>(at + <usize>(minimaAt(codec, dim) - scalesAt(codec, dim)), <u16>low);
  }
}

/** Store x (dim) f32 as token `token` (inside the page) of a block. codec: F16, Q8, Q4 or Q2. */
export function encodeToken(block: usize, codec: i32, dim: i32, token: i32, x: usize): void {
  if (codec == F16) encodeF16(block + <usize>(token * dim << 1), x, dim);
  else if (codec == Q8) encodeQ8(block, token, x, dim);
  else encodeGroups(block, codec, token, x, dim);
}
