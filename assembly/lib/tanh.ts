// Hyperbolic tangent on four lanes.
import { exp2, madd } from './exp';

/**
 * tanh x, relative error at most 6e-7; exactly ±1 from |x| = 9.1 on, NaN for NaN. Near 0, where 1 − e^−2|x| cancels, an
 * odd minimax polynomial (relative error 3.7e-8 for |x| < 0.55); beyond it (1 − e) / (1 + e) with e = e^−2|x|.
 */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const one = f32x4.splat(1);
  const e = exp2(f32x4.mul(size, f32x4.splat(-2.8853900817779268)));
  const far = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e));
  const z = f32x4.mul(x, x);
  let p = madd(f32x4.splat(0.01643757945721442), z, f32x4.splat(-0.05267181266089138));
  p = madd(p, z, f32x4.splat(0.13320725042916826));
  p = madd(p, z, f32x4.splat(-0.3333294663602118));
  const near = madd(f32x4.mul(p, z), x, x);
  const sign = f32x4.splat(-0.0);
  return v128.bitselect(v128.or(far, v128.and(x, sign)), near, f32x4.ge(size, f32x4.splat(0.55)));
}
