// Where things are inside packed weights and activation panels. The host only knows the sizes.
//
// Packed weights. 16 rows (outputs) make a tile; a tile holds all columns (inputs), in blocks of 32:
//   Q8_0 block   f16 scales [16 outputs], then codes [8 quads][16 outputs][4 inputs]: quad s holds inputs 4s … 4s + 3.
//                The relaxed build stores code + 128, because its dot product takes the weight as unsigned. The plain
//                build multiplies pairs and stores a quad as [inputs 0 and 2, inputs 1 and 3][16 outputs][2].
//   Q4_0 block   f16 scales [16 outputs], then bytes [4 quads][16 outputs][4]: byte j of quad s holds input 4s + j in
//                its low nibble and input 16 + 4s + j in its high one, both plus 8: the bytes of the file, transposed.
//   F32          [inputs][16 outputs]. A weight of one row stays as it is.
// A packed weight has exactly the bytes of the file, its rows rounded up to 16.
//
// Activation panels. Rows are taken in groups, which share the loads of a tile; rows that do not fill a group follow
// one by one, as groups of one. A group of g rows holds, for each block of 32 inputs:
//   quantised    first values i32 [g] of the dot products (−offset · Σ codes, where the weights are stored plus an
//                offset), scales f32 [g], codes [8 quads][g][4]: int8, or int16 in the order 0 2 1 3 (plain build)
//   F32          [inputs][g]

/** Outputs computed together. */
// @ts-ignore: decorator
@inline
export const TILE: usize = 16;

// @ts-ignore: decorator
@inline
export const Q8_BYTES: usize = 32 + 512;

// @ts-ignore: decorator
@inline
export const Q4_BYTES: usize = 32 + 256;

/** Rows in a group, and vectors of four outputs it computes at once: 8 accumulators, for which 16 registers suffice. */
// @ts-ignore: decorator
@inline
export const GROUP: usize = 4;

// @ts-ignore: decorator
@inline
export const VECTORS: usize = 2;

/** Bytes of one code in a panel, and of a block of one row. */
// @ts-ignore: decorator
@inline
export const CODE_BYTES: usize = ASC_FEATURE_RELAXED_SIMD ? 1 : 2;

// @ts-ignore: decorator
@inline
export const PANEL_BLOCK: usize = 8 + 32 * CODE_BYTES;

/** Four finite f16 as f32. The sign bit is moved up by the load; a scale is never infinite, as `pack` has checked. */
// @ts-ignore: decorator
@inline
export function scales4(at: usize, offset: usize): v128 {
  const bits = i32x4.shl(i32x4.extend_low_i16x8_s(v128.load64_zero(at + offset)), 13);
  return f32x4.mul(v128.and(bits, i32x4.splat(0x8fffffff)), f32x4.splat(5.192296858534828e33));
}
