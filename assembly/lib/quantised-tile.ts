// The inner loops of `matmul` over quantised weights: groups of 4 rows × 8 outputs and single rows × 16 outputs. Whatever
// the tile, an output is the sum over grains, in ascending order, of an exact integer dot product times (weight scale ·
// activation scale), and of the exact sum of activation codes times (minimum · activation scale). So a row comes out the
// same in every tile.
//
// Loop bodies are short on purpose: engines move all loads of a body to its front, and what then does not fit into 16
// registers is spilled. Longer bodies and more rows were slower. Loops that run once in some formats end in conditions
// that are false there at compile time, so that no loop is left.
import { ahead, lastAhead } from './ahead';
import { first, hasSixteenfold, inPlace, pairBytes, quarter, second, secondSixteenfold, start, startRow } from './codes';
import { FACTORS, factorBytes, grain, grainBytes, headBytes, MINIMUMS, NIBBLES, scaleBytes, SIXTEEN } from './formats';
import { halves4 } from './halves';
import { PANEL_BLOCK, PANEL_HEAD, RUN, RUNS } from './layout';
import { putGroup, putRow } from './put';

/** sum + x · w, integers. */
// @ts-ignore: decorator
@inline
function dot(x: v128, w: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, w, sum);
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, w));
}

/** total + sum · (scales · scale). Never fused, so that both builds round alike. */
// @ts-ignore: decorator
@inline
function scaled(total: v128, sum: v128, scales: v128, scale: usize): v128 {
  const factor = f32x4.mul(scales, v128.load32_splat(scale));
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), factor));
}

/** Scales or minimums of outputs [4v, 4v + 4) of a grain. Products of int8 and f16 are exact. */
// @ts-ignore: decorator
@inline
function scales4(format: i32, at: usize, v: usize, factors: v128): v128 {
  if (!(format & FACTORS)) return halves4(at + v * 8);
  const words = i16x8.extend_low_i8x16_s(v128.load32_zero(at + v * 4));
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), factors);
}

/** Factors of outputs [4v, 4v + 4), where the format has `flags`. */
// @ts-ignore: decorator
@inline
function factors4(format: i32, flags: i32, at: usize, v: usize): v128 {
  return (format & flags) == flags ? halves4(at + v * 8) : f32x4.splat(0);
}

/** Bytes of a panel of g rows from runs of the first half of a grain to those of the second. */
// @ts-ignore: decorator
@inline
function acrossHalves(format: i32, g: usize): usize {
  return format & SIXTEEN ? (RUNS / 2) * g * 8 : g * 4;
}

/** Where a panel of g rows has −Σ codes of grain `part` of a block. */
// @ts-ignore: decorator
@inline
function sumsOf(format: i32, panel: usize, part: usize, g: usize): usize {
  return format & SIXTEEN ? panel + (1 + part) * g * 4 : panel;
}

/** sum + the products of four runs of four outputs (lib/layout.ts, plain build) with x0 to x3: as `fourth` gives these. */
// @ts-ignore: decorator
@inline
function dots(format: i32, words: v128, x0: v128, x1: v128, x2: v128, x3: v128, sum: v128): v128 {
  if (!inPlace(format)) {
    sum = dot(x0, quarter(format, words, 0), sum);
    sum = dot(x1, quarter(format, words, 1), sum);
    sum = dot(x2, quarter(format, words, 2), sum);
    return dot(x3, quarter(format, words, 3), sum);
  }
  sum = dot(x0, v128.and(words, i16x8.splat(15)), sum);
  sum = dot(x1, v128.and(words, i16x8.splat(15 << 4)), sum);
  sum = dot(x2, v128.and(words, i16x8.splat(15 << 8)), sum);
  return dot(x3, i16x8.shr_u(words, 12), sum);
}

/** A run of activations for `dots`: 2 ** bits times as large where nibbles stay in their places. */
// @ts-ignore: decorator
@inline
function fourth(format: i32, x: usize, bits: i32): v128 {
  const run = v128.load32_splat(x);
  return inPlace(format) && bits ? i16x8.shl(run, bits) : run;
}

/** Dots of both halves of a grain. */
// @ts-ignore: decorator
@inline
function withSecond(format: i32, first: v128, second: v128): v128 {
  if (inPlace(format)) return i32x4.shr_s(first, 8);
  return i32x4.add(first, hasSixteenfold(format) ? i32x4.shr_s(second, 4) : second);
}

/** The run at `codes` of vector v, or the next one in `unpacked`. */
// @ts-ignore: decorator
@inline
function firstOf(format: i32, codes: usize, unpacked: usize): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? first(format, codes) : v128.load(unpacked);
}

// @ts-ignore: decorator
@inline
function secondOf(format: i32, codes: usize, unpacked: usize): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? second(format, codes) : v128.load(unpacked, 32);
}

/**
 * Four rows × vectors v and v + 1 of the tile at w. `out`, `bias` and `outputs` are those of the whole tile; unpacked: in
 * the plain build what `unpack` made of them.
 */
// @ts-ignore: decorator
@inline
export function quantisedGroup(
  format: i32, out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
  unpacked: usize,
): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  const end = panel + (k >>> 5) * 4 * PANEL_BLOCK;
  const across = acrossHalves(format, 4);
  do {
    const stop = format & FACTORS ? panel + 8 * 4 * PANEL_BLOCK : end;
    const d = factors4(format, FACTORS, w, v), e = factors4(format, FACTORS, w, v + 1);
    const both = FACTORS | MINIMUMS;
    const m = factors4(format, both, w + 32, v), n = factors4(format, both, w + 32, v + 1);
    w += factorBytes(format);
    for (; panel < stop; panel += 4 * PANEL_BLOCK) {
      const scale = panel + 48;
      let part: usize = 0;
      do {
        let codes = w + headBytes(format) + v * 4 * RUN;
        let x = panel + 4 * PANEL_HEAD + part * 16;
        const sums = sumsOf(format, panel, part, 4);
        let s0 = start(format, sums), s1 = start(format, sums + 4);
        let s2 = start(format, sums + 8), s3 = start(format, sums + 12);
        let t0 = s0, t1 = s1, t2 = s2, t3 = s3;
        for (let p: usize = 0; p < grain(format) / 2 / RUN; ++p) {
          let x0 = v128.load32_splat(x), x1 = v128.load32_splat(x + 4);
          let x2 = v128.load32_splat(x + 8), x3 = v128.load32_splat(x + 12);
          let run = firstOf(format, codes, unpacked);
          s0 = dot(x0, run, s0);
          s1 = dot(x1, run, s1);
          s2 = dot(x2, run, s2);
          s3 = dot(x3, run, s3);
          run = firstOf(format, codes + 4 * RUN, unpacked + 16);
          t0 = dot(x0, run, t0);
          t1 = dot(x1, run, t1);
          t2 = dot(x2, run, t2);
          t3 = dot(x3, run, t3);
          x0 = v128.load32_splat(x + across);
          x1 = v128.load32_splat(x + across + 4);
          x2 = v128.load32_splat(x + across + 8);
          x3 = v128.load32_splat(x + across + 12);
          run = secondOf(format, codes, unpacked);
          s0 = dot(x0, run, s0);
          s1 = dot(x1, run, s1);
          s2 = dot(x2, run, s2);
          s3 = dot(x3, run, s3);
          run = secondOf(format, codes + 4 * RUN, unpacked + 16);
          t0 = dot(x0, run, t0);
          t1 = dot(x1, run, t1);
          t2 = dot(x2, run, t2);
          t3 = dot(x3, run, t3);
          x += 32;
          codes += pairBytes(format);
          unpacked += 64;
        }
        let scales = scales4(format, w, v, d);
        a0 = scaled(a0, s0, scales, scale);
        a1 = scaled(a1, s1, scales, scale + 4);
        a2 = scaled(a2, s2, scales, scale + 8);
        a3 = scaled(a3, s3, scales, scale + 12);
        scales = scales4(format, w, v + 1, e);
        b0 = scaled(b0, t0, scales, scale);
        b1 = scaled(b1, t1, scales, scale + 4);
        b2 = scaled(b2, t2, scales, scale + 8);
        b3 = scaled(b3, t3, scales, scale + 12);
        if (format & MINIMUMS) {
          const minimums = w + scaleBytes(format);
          s0 = v128.load32_splat(sums);
          s1 = v128.load32_splat(sums + 4);
          s2 = v128.load32_splat(sums + 8);
          s3 = v128.load32_splat(sums + 12);
          scales = scales4(format, minimums, v, m);
          a0 = scaled(a0, s0, scales, scale);
          a1 = scaled(a1, s1, scales, scale + 4);
          a2 = scaled(a2, s2, scales, scale + 8);
          a3 = scaled(a3, s3, scales, scale + 12);
          scales = scales4(format, minimums, v + 1, n);
          b0 = scaled(b0, s0, scales, scale);
          b1 = scaled(b1, s1, scales, scale + 4);
          b2 = scaled(b2, s2, scales, scale + 8);
          b3 = scaled(b3, s3, scales, scale + 12);
        }
        w += grainBytes(format);
      } while (format & SIXTEEN && ++part < 2);
    }
  } while (format & FACTORS && panel < end);
  putGroup(out, stride, v, bias, outputs, a0, a1, a2, a3, b0, b1, b2, b3);
}

/** One row × the 16 outputs of the tile at w. */
// @ts-ignore: decorator
@inline
export function quantisedRow(
  format: i32, out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32,
): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  const last = lastAhead();
  let seen: u32 = 0;
  const end = panel + (k >>> 5) * PANEL_BLOCK;
  const across = acrossHalves(format, 1);
  do {
    const stop = format & FACTORS ? panel + 8 * PANEL_BLOCK : end;
    const factors = w;
    w += factorBytes(format);
    for (; panel < stop; panel += PANEL_BLOCK) {
      const scale = panel + 12;
      let part: usize = 0;
      do {
        seen += ahead(w, grainBytes(format), last);
        let codes = w + headBytes(format);
        let x = panel + PANEL_HEAD + part * 4;
        const sums = sumsOf(format, panel, part, 1);
        let s0 = startRow(format, sums), s1 = s0, s2 = s0, s3 = s0;
        let t0 = i32x4.splat(0), t1 = t0, t2 = t0, t3 = t0;
        if (!ASC_FEATURE_RELAXED_SIMD && format & NIBBLES) {
          for (let p: usize = 0; p < grain(format) / 2 / RUN; p += 2, x += 16, codes += 64) {
            const x0 = fourth(format, x, 8), x1 = fourth(format, x + across, 4);
            const x2 = fourth(format, x + 8, 0), x3 = fourth(format, x + 8 + across, 8);
            s0 = dots(format, v128.load(codes), x0, x1, x2, x3, s0);
            s1 = dots(format, v128.load(codes, 16), x0, x1, x2, x3, s1);
            s2 = dots(format, v128.load(codes, 32), x0, x1, x2, x3, s2);
            s3 = dots(format, v128.load(codes, 48), x0, x1, x2, x3, s3);
          }
        } else {
          for (let p: usize = 0; p < grain(format) / 2 / RUN; ++p) {
            let y = v128.load32_splat(x);
            s0 = dot(y, first(format, codes), s0);
            s1 = dot(y, first(format, codes + 4 * RUN), s1);
            s2 = dot(y, first(format, codes + 8 * RUN), s2);
            s3 = dot(y, first(format, codes + 12 * RUN), s3);
            y = v128.load32_splat(x + across);
            t0 = dot(y, secondSixteenfold(format, codes), t0);
            t1 = dot(y, secondSixteenfold(format, codes + 4 * RUN), t1);
            t2 = dot(y, secondSixteenfold(format, codes + 8 * RUN), t2);
            t3 = dot(y, secondSixteenfold(format, codes + 12 * RUN), t3);
            x += 8;
            codes += pairBytes(format);
          }
        }
        s0 = withSecond(format, s0, t0), s1 = withSecond(format, s1, t1);
        s2 = withSecond(format, s2, t2), s3 = withSecond(format, s3, t3);
        a0 = scaled(a0, s0, scales4(format, w, 0, factors4(format, FACTORS, factors, 0)), scale);
        a1 = scaled(a1, s1, scales4(format, w, 1, factors4(format, FACTORS, factors, 1)), scale);
        a2 = scaled(a2, s2, scales4(format, w, 2, factors4(format, FACTORS, factors, 2)), scale);
        a3 = scaled(a3, s3, scales4(format, w, 3, factors4(format, FACTORS, factors, 3)), scale);
        if (format & MINIMUMS) {
          const minimums = w + scaleBytes(format);
          const more = factors + 32;
          const sum = v128.load32_splat(sums);
          a0 = scaled(a0, sum, scales4(format, minimums, 0, factors4(format, FACTORS, more, 0)), scale);
          a1 = scaled(a1, sum, scales4(format, minimums, 1, factors4(format, FACTORS, more, 1)), scale);
          a2 = scaled(a2, sum, scales4(format, minimums, 2, factors4(format, FACTORS, more, 2)), scale);
          a3 = scaled(a3, sum, scales4(format, minimums, 3, factors4(format, FACTORS, more, 3)), scale);
        }
        w += grainBytes(format);
      } while (format & SIXTEEN && ++part < 2);
    }
  } while (format & FACTORS && panel < end);
  // Never so: it is the sum of a few thousand bytes at most.
  if (<i32>seen < 0) unreachable();
  putRow(out, bias, outputs, a0, a1, a2, a3);
}
