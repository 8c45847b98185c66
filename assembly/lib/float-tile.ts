// The inner loops of `matmul` over F32, F16 and BF16: groups of 4 rows × 8 outputs and single rows × 16 outputs. Whatever
// the tile, an output is the sum over inputs in ascending order. So a row comes out the same in every tile.
import { madd } from './exp';
import { halves4 } from './halves';
import { putGroup, putRow } from './put';

/** Elements of float weights. */
export const enum Float {
  F32,
  F16,
  BF16,
}

/** Log2 of the bytes of four elements. */
// @ts-ignore: decorator
@inline
function width(type: Float): usize {
  return type == Float.F32 ? 4 : 3;
}

/** Vector v of the 16 outputs at w, as f32. */
// @ts-ignore: decorator
@inline
function four(type: Float, w: usize, v: usize): v128 {
  const at = w + (v << width(type));
  if (type == Float.F32) return v128.load(at);
  return type == Float.F16 ? halves4(at) : i32x4.shl(v128.load_ext<u16>(at), 16);
}

/** Four rows × vectors v and v + 1 of the tile at w. */
// @ts-ignore: decorator
@inline
export function floatGroup(
  type: Float, out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  w += v << width(type);
  for (const end = panel + k * 16; panel < end; panel += 16) {
    const x0 = v128.load32_splat(panel), x1 = v128.load32_splat(panel + 4);
    const x2 = v128.load32_splat(panel + 8), x3 = v128.load32_splat(panel + 12);
    let part = four(type, w, 0);
    a0 = madd(x0, part, a0);
    a1 = madd(x1, part, a1);
    a2 = madd(x2, part, a2);
    a3 = madd(x3, part, a3);
    part = four(type, w, 1);
    b0 = madd(x0, part, b0);
    b1 = madd(x1, part, b1);
    b2 = madd(x2, part, b2);
    b3 = madd(x3, part, b3);
    w += (<usize>4) << width(type);
  }
  putGroup(out, stride, v, bias, outputs, a0, a1, a2, a3, b0, b1, b2, b3);
}

/** One row × the 16 outputs of the tile at w. */
// @ts-ignore: decorator
@inline
export function floatRow(
  type: Float, out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32,
): void {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
  for (const end = panel + k * 4; panel < end; panel += 4) {
    const x = v128.load32_splat(panel);
    a = madd(x, four(type, w, 0), a);
    b = madd(x, four(type, w, 1), b);
    c = madd(x, four(type, w, 2), c);
    d = madd(x, four(type, w, 3), d);
    w += (<usize>4) << width(type);
  }
  putRow(out, bias, outputs, a, b, c, d);
}
