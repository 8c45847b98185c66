import { exp2 } from './exp';

// @ts-ignore: decorator
@inline
export function sigmoid(z: v128): v128 {
  // Of e^−|z| only, so that nothing overflows: 1 / (1 + e) where z ≥ 0, e / (1 + e) elsewhere.
  // Rounding |z| · log₂e to f32 is worth |z| · e^−|z| ulp at most: nothing beside the 1 that e is added to or divided by.
  const e = exp2(f32x4.mul(f32x4.abs(z), f32x4.splat(-1.4426950408889634)));
  const one = f32x4.splat(1);
  return f32x4.div(v128.bitselect(e, one, f32x4.lt(z, f32x4.splat(0))), f32x4.add(one, e));
}

// @ts-ignore: decorator
@inline
export function silu(x: v128): v128 {
  return f32x4.mul(x, sigmoid(x));
}
