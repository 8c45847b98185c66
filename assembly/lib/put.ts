// Sums of a tile to where they belong. `out`, `bias` and `outputs` are those of the whole tile; bias 0: there is none.

/** Store those of four outputs that exist, plus their bias. */
// @ts-ignore: decorator
@inline
function put(out: usize, sums: v128, bias: usize, outputs: i32): void {
  // Reads past the end of a bias stay inside its allocation, which is a multiple of 64 bytes.
  if (bias) sums = f32x4.add(sums, v128.load(bias));
  if (outputs >= 4) {
    v128.store(out, sums);
  } else {
    if (outputs > 0) v128.store_lane<u32>(out, sums, 0);
    if (outputs > 1) v128.store_lane<u32>(out + 4, sums, 1);
    if (outputs > 2) v128.store_lane<u32>(out + 8, sums, 2);
  }
}

/** Four rows, `stride` bytes apart, × vectors v and v + 1. */
// @ts-ignore: decorator
@inline
export function putGroup(
  out: usize, stride: usize, v: usize, bias: usize, outputs: i32,
  a0: v128, a1: v128, a2: v128, a3: v128, b0: v128, b1: v128, b2: v128, b3: v128,
): void {
  out += v * 16;
  outputs -= <i32>v * 4;
  if (bias) bias += v * 16;
  const next = bias ? bias + 16 : 0;
  put(out, a0, bias, outputs);
  put(out + 16, b0, next, outputs - 4);
  out += stride;
  put(out, a1, bias, outputs);
  put(out + 16, b1, next, outputs - 4);
  out += stride;
  put(out, a2, bias, outputs);
  put(out + 16, b2, next, outputs - 4);
  out += stride;
  put(out, a3, bias, outputs);
  put(out + 16, b3, next, outputs - 4);
}

/** One row. */
// @ts-ignore: decorator
@inline
export function putRow(out: usize, bias: usize, outputs: i32, a: v128, b: v128, c: v128, d: v128): void {
  put(out, a, bias, outputs);
  put(out + 16, b, bias ? bias + 16 : 0, outputs - 4);
  put(out + 32, c, bias ? bias + 32 : 0, outputs - 8);
  put(out + 48, d, bias ? bias + 48 : 0, outputs - 12);
}
