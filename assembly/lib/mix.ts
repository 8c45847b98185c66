// acc = fade · acc + Σ_t weight_t · value_t for values in f16, token by token: the sum of a channel runs in the same order whatever is
// computed beside it, so a row's bits do not depend on its neighbours. Values are read as they are stored, or from a
// block that was widened to f32 once: the numbers are the same. assembly/mix.ts makes functions of these bodies.
import { BLOCK } from './dots';
import { madd } from './exp';
import { halves4 } from './halves';

/** Bytes from one query's weights to the next one's. */
export const WEIGHTS: usize = <usize>BLOCK << 2;

/** Four channels at `v`, `wide` or not, f32. */
// @ts-ignore: decorator
@inline
function four(v: usize, wide: bool): v128 {
  return wide ? v128.load(v) : halves4(v);
}

/** One query, or two: 16 channels at a time. */
// @ts-ignore: decorator
@inline
export function mixFew(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize,
  from: usize, to: usize, wide: bool, two: bool,
): void {
  const row = wide ? dim << 2 : dim << 1;
  const step: usize = wide ? 16 : 8;
  const below = dim << 2;
  const f = v128.load32_splat(fades);
  const g = two ? v128.load32_splat(fades, 4) : f;
  for (let c: usize = 0; c < dim; c += 16, acc += 64) {
    let a0 = f32x4.mul(v128.load(acc), f), a1 = f32x4.mul(v128.load(acc, 16), f);
    let a2 = f32x4.mul(v128.load(acc, 32), f), a3 = f32x4.mul(v128.load(acc, 48), f);
    let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    if (two) {
      const other = acc + below;
      b0 = f32x4.mul(v128.load(other), g);
      b1 = f32x4.mul(v128.load(other, 16), g);
      b2 = f32x4.mul(v128.load(other, 32), g);
      b3 = f32x4.mul(v128.load(other, 48), g);
    }
    let v = values + from * row + (wide ? c << 2 : c << 1);
    for (let w = weights + (from << 2), end = weights + (to << 2); w < end; w += 4, v += row) {
      const v0 = four(v, wide), v1 = four(v + step, wide);
      const v2 = four(v + 2 * step, wide), v3 = four(v + 3 * step, wide);
      const p = v128.load32_splat(w);
      a0 = madd(v0, p, a0);
      a1 = madd(v1, p, a1);
      a2 = madd(v2, p, a2);
      a3 = madd(v3, p, a3);
      if (two) {
        const q = v128.load32_splat(w, WEIGHTS);
        b0 = madd(v0, q, b0);
        b1 = madd(v1, q, b1);
        b2 = madd(v2, q, b2);
        b3 = madd(v3, q, b3);
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(acc, a2, 32);
    v128.store(acc, a3, 48);
    if (two) {
      const other = acc + below;
      v128.store(other, b0);
      v128.store(other, b1, 16);
      v128.store(other, b2, 32);
      v128.store(other, b3, 48);
    }
  }
}

/** Three queries, or four: 8 channels at a time. */
// @ts-ignore: decorator
@inline
export function mixMany(
  acc: usize, weights: usize, fades: usize, values: usize, dim: usize,
  from: usize, to: usize, wide: bool, fourth: bool,
): void {
  const row = wide ? dim << 2 : dim << 1;
  const step: usize = wide ? 16 : 8;
  const below = dim << 2;
  const f = v128.load32_splat(fades), g = v128.load32_splat(fades, 4), h = v128.load32_splat(fades, 8);
  const i = fourth ? v128.load32_splat(fades, 12) : f;
  for (let c: usize = 0; c < dim; c += 8, acc += 32) {
    const acc1 = acc + below, acc2 = acc1 + below, acc3 = acc2 + below;
    let a0 = f32x4.mul(v128.load(acc), f), a1 = f32x4.mul(v128.load(acc, 16), f);
    let b0 = f32x4.mul(v128.load(acc1), g), b1 = f32x4.mul(v128.load(acc1, 16), g);
    let c0 = f32x4.mul(v128.load(acc2), h), c1 = f32x4.mul(v128.load(acc2, 16), h);
    let d0 = a0, d1 = a0;
    if (fourth) {
      d0 = f32x4.mul(v128.load(acc3), i);
      d1 = f32x4.mul(v128.load(acc3, 16), i);
    }
    let v = values + from * row + (wide ? c << 2 : c << 1);
    for (let w = weights + (from << 2), end = weights + (to << 2); w < end; w += 4, v += row) {
      const v0 = four(v, wide), v1 = four(v + step, wide);
      let p = v128.load32_splat(w);
      a0 = madd(v0, p, a0);
      a1 = madd(v1, p, a1);
      p = v128.load32_splat(w, WEIGHTS);
      b0 = madd(v0, p, b0);
      b1 = madd(v1, p, b1);
      p = v128.load32_splat(w, 2 * WEIGHTS);
      c0 = madd(v0, p, c0);
      c1 = madd(v1, p, c1);
      if (fourth) {
        p = v128.load32_splat(w, 3 * WEIGHTS);
        d0 = madd(v0, p, d0);
        d1 = madd(v1, p, d1);
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    v128.store(acc1, b0);
    v128.store(acc1, b1, 16);
    v128.store(acc2, c0);
    v128.store(acc2, c1, 16);
    if (fourth) {
      v128.store(acc3, d0);
      v128.store(acc3, d1, 16);
    }
  }
}
