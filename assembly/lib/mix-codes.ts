// acc = fade · acc + low + step · Σ_t code_t · value_t for values in q8, or of a group of channels in q4 or q2: sums of integers under integer weights
// (lib/soften.ts), which are exact, so that neither order nor company changes anything. SIMD128 multiplies pairs of tokens as i16; relaxed SIMD quads of tokens as bytes, the
// upper and the lower byte of a weight by themselves. assembly/mix.ts makes functions of these bodies.
import { add, dot } from './products';
import { BLOCK } from './dots';
import { madd } from './exp';
import { WEIGHTS } from './mix';

/** Bytes of a packed block of values (`packValues`) per channel. */
export const PACKED: usize = ASC_FEATURE_RELAXED_SIMD ? <usize>BLOCK : <usize>BLOCK << 1;

// @ts-ignore: decorator
@inline
function lowBytes(x: v128, y: v128): v128 {
  return v128.shuffle<i8>(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function highBytes(x: v128, y: v128): v128 {
  return v128.shuffle<i8>(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
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

/**
 * out = q8 codes of 32 tokens, ready for `mixCodes`: for every 16 channels the pairs (SIMD128, i16) or
 * quads (relaxed, i8) of tokens side by side, channel by channel. Only quads of tokens [from, to) are written.
 */
export function packValues(out: usize, codes: usize, dim: i32, from: usize, to: usize): void {
  const row = <usize>dim;
  for (let c = 0; c < dim; c += 16, codes += 16, out += 16 * PACKED) {
    let v = codes + (from << 2) * row;
    if (ASC_FEATURE_RELAXED_SIMD) {
      for (let p = out + (from << 6), end = out + (to << 6); p < end; p += 64, v += row << 2) {
        const x0 = v128.load(v), x1 = v128.load(v + row);
        const x2 = v128.load(v + 2 * row), x3 = v128.load(v + 3 * row);
        const s = lowBytes(x0, x1), t = lowBytes(x2, x3), y = highBytes(x0, x1), z = highBytes(x2, x3);
        v128.store(p, lowPairs(s, t));
        v128.store(p, highPairs(s, t), 16);
        v128.store(p, lowPairs(y, z), 32);
        v128.store(p, highPairs(y, z), 48);
      }
    } else {
      for (let p = out + (from << 7), end = out + (to << 7); p < end; p += 64, v += row << 1) {
        const x = v128.load(v), y = v128.load(v + row);
        const s = lowBytes(x, y), t = highBytes(x, y);
        v128.store(p, i16x8.extend_low_i8x16_s(s));
        v128.store(p, i16x8.extend_high_i8x16_s(s), 16);
        v128.store(p, i16x8.extend_low_i8x16_s(t), 32);
        v128.store(p, i16x8.extend_high_i8x16_s(t), 48);
      }
    }
  }
}

/** Four channels: acc · fade + low + sum · step, of query `which` of the two. No lows are zeros, which change no bits. */
// @ts-ignore: decorator
@inline
function keep(acc: usize, sum: v128, fades: usize, steps: usize, lows: usize, which: usize): void {
  let faded = f32x4.mul(v128.load(acc), v128.load32_splat(fades + (which << 2)));
  if (lows) faded = f32x4.add(faded, v128.load32_splat(lows + (which << 2)));
  v128.store(acc, madd(f32x4.convert_i32x4_s(sum), v128.load32_splat(steps + (which << 2)), faded));
}

// @ts-ignore: decorator
@inline
function plain(
  acc: usize, below: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, row: usize, channels: i32,
  from: usize, to: usize, two: bool, packed: bool,
): void {
  for (let c = 0; c < channels; c += 16, acc += 64) {
    let a0 = i32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let v = packed ? values + <usize>c * PACKED + (from << 7) : values + <usize>c + (from << 2) * row;
    for (let w = codes + (from << 3), end = codes + (to << 3); w < end; w += 4) {
      const p = v128.load32_splat(w), q = two ? v128.load32_splat(w, WEIGHTS) : p;
      // Eight channels, then the other eight: more at once would not fit the registers.
      let y = p, z = p;
      if (!packed) y = v128.load8x8_s(v), z = v128.load8x8_s(v + row);
      let x = packed ? v128.load(v) : lowPairs(y, z);
      a0 = add(a0, x, p);
      if (two) b0 = add(b0, x, q);
      x = packed ? v128.load(v, 16) : highPairs(y, z);
      a1 = add(a1, x, p);
      if (two) b1 = add(b1, x, q);
      if (!packed) y = v128.load8x8_s(v, 8), z = v128.load8x8_s(v + row, 8);
      x = packed ? v128.load(v, 32) : lowPairs(y, z);
      a2 = add(a2, x, p);
      if (two) b2 = add(b2, x, q);
      x = packed ? v128.load(v, 48) : highPairs(y, z);
      a3 = add(a3, x, p);
      if (two) b3 = add(b3, x, q);
      v += packed ? 64 : row << 1;
    }
    keep(acc, a0, fades, steps, lows, 0), keep(acc + 16, a1, fades, steps, lows, 0);
    keep(acc + 32, a2, fades, steps, lows, 0), keep(acc + 48, a3, fades, steps, lows, 0);
    if (two) {
      keep(acc + below, b0, fades, steps, lows, 1), keep(acc + below + 16, b1, fades, steps, lows, 1);
      keep(acc + below + 32, b2, fades, steps, lows, 1), keep(acc + below + 48, b3, fades, steps, lows, 1);
    }
  }
}

// @ts-ignore: decorator
@inline
function join(upper: v128, lower: v128): v128 {
  return i32x4.add(i32x4.shl(upper, 8), lower);
}

/** One query: 16 channels at a time. */
// @ts-ignore: decorator
@inline
function relaxedOne(
  acc: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, row: usize, channels: i32,
  from: usize, to: usize, packed: bool,
): void {
  for (let c = 0; c < channels; c += 16, acc += 64) {
    let u0 = i32x4.splat(0), u1 = u0, u2 = u0, u3 = u0;
    let l0 = u0, l1 = u0, l2 = u0, l3 = u0;
    let v = packed ? values + <usize>c * PACKED + (from << 6) : values + <usize>c + (from << 2) * row;
    for (let w = codes + (from << 2), end = codes + (to << 2); w < end; w += 4) {
      let x0: v128, x1: v128, x2: v128, x3: v128;
      if (packed) {
        x0 = v128.load(v), x1 = v128.load(v, 16), x2 = v128.load(v, 32), x3 = v128.load(v, 48);
        v += 64;
      } else {
        const y0 = v128.load(v), y1 = v128.load(v + row);
        v += row << 1;
        const y2 = v128.load(v), y3 = v128.load(v + row);
        v += row << 1;
        const s = lowBytes(y0, y1), t = lowBytes(y2, y3), y = highBytes(y0, y1), z = highBytes(y2, y3);
        x0 = lowPairs(s, t), x1 = highPairs(s, t), x2 = lowPairs(y, z), x3 = highPairs(y, z);
      }
      const p = v128.load32_splat(w), q = v128.load32_splat(w, 32);
      u0 = dot(u0, x0, p), u1 = dot(u1, x1, p), u2 = dot(u2, x2, p), u3 = dot(u3, x3, p);
      l0 = dot(l0, x0, q), l1 = dot(l1, x1, q), l2 = dot(l2, x2, q), l3 = dot(l3, x3, q);
    }
    keep(acc, join(u0, l0), fades, steps, lows, 0), keep(acc + 16, join(u1, l1), fades, steps, lows, 0);
    keep(acc + 32, join(u2, l2), fades, steps, lows, 0), keep(acc + 48, join(u3, l3), fades, steps, lows, 0);
  }
}

/** Two queries: 8 channels at a time. */
// @ts-ignore: decorator
@inline
function relaxedTwo(
  acc: usize, below: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, row: usize, channels: i32,
  from: usize, to: usize, packed: bool,
): void {
  for (let c = 0; c < channels; c += 8, acc += 32) {
    let u0 = i32x4.splat(0), u1 = u0, l0 = u0, l1 = u0;
    let s0 = u0, s1 = u0, m0 = u0, m1 = u0;
    let v = packed
      ? values + <usize>(c & -16) * PACKED + (<usize>(c & 8) << 2) + (from << 6)
      : values + <usize>c + (from << 2) * row;
    for (let w = codes + (from << 2), end = codes + (to << 2); w < end; w += 4) {
      let x0: v128, x1: v128;
      if (packed) {
        x0 = v128.load(v), x1 = v128.load(v, 16);
        v += 64;
      } else {
        const y0 = v128.load64_zero(v), y1 = v128.load64_zero(v + row);
        v += row << 1;
        const y2 = v128.load64_zero(v), y3 = v128.load64_zero(v + row);
        v += row << 1;
        const s = lowBytes(y0, y1), t = lowBytes(y2, y3);
        x0 = lowPairs(s, t), x1 = highPairs(s, t);
      }
      let p = v128.load32_splat(w), q = v128.load32_splat(w, 32);
      u0 = dot(u0, x0, p), u1 = dot(u1, x1, p), l0 = dot(l0, x0, q), l1 = dot(l1, x1, q);
      p = v128.load32_splat(w, WEIGHTS), q = v128.load32_splat(w, WEIGHTS + 32);
      s0 = dot(s0, x0, p), s1 = dot(s1, x1, p), m0 = dot(m0, x0, q), m1 = dot(m1, x1, q);
    }
    keep(acc, join(u0, l0), fades, steps, lows, 0), keep(acc + 16, join(u1, l1), fades, steps, lows, 0);
    keep(acc + below, join(s0, m0), fades, steps, lows, 1), keep(acc + below + 16, join(s1, m1), fades, steps, lows, 1);
  }
}

/**
 * One query or two, whose acc lie `below` bytes apart, on quads of tokens [from, to) and `channels` channels. codes: those of
 * their weights, WEIGHTS bytes apart; fades and steps (2) f32; lows: 0, or (2) f32. values: codes of a page, `row` bytes from token to token,
 * or `packed`.
 */
// @ts-ignore: decorator
@inline
export function mixCodes(
  acc: usize, below: usize, codes: usize, fades: usize, steps: usize, lows: usize, values: usize, row: usize, channels: i32,
  from: usize, to: usize, two: bool, packed: bool,
): void {
  if (!ASC_FEATURE_RELAXED_SIMD) {
    plain(acc, below, codes, fades, steps, lows, values, row, channels, from, to, two, packed);
  } else if (two) {
    relaxedTwo(acc, below, codes, fades, steps, lows, values, row, channels, from, to, packed);
  } else {
    relaxedOne(acc, codes, fades, steps, lows, values, row, channels, from, to, packed);
  }
}
