// Where things are inside packed weights and activation panels; the host only knows the sizes.
//
// A block is 32 inputs. Dot products take RUN inputs of an output at once; run q of a block is inputs q · RUN on, in its
// first half, and the same 16 further on, in its second half (the halves are the nibbles of a Q4_0 byte).
//
// Packed weights. 16 rows (outputs) make a tile; a tile holds all columns (inputs):
//   Q8_0 block   f16 scales [16 outputs], then for each q, for each half: codes [16 outputs][RUN]. The relaxed build
//                stores code + 128, because its dot product takes the weight as unsigned.
//   Q4_0 block   f16 scales [16 outputs], then for each q: bytes [16 outputs][RUN], whose low nibbles are the first
//                half and high nibbles the second, both plus 8: the bytes of the file, in another order.
//   F32          [inputs][16 outputs]. A weight of one row stays as it is.
// A packed weight has exactly the bytes of the file, its rows rounded up to 16.
//
// Activation panels. GROUP rows make a group, which shares the loads of a tile; rows that do not fill a group follow one
// by one, as groups of one. A group of g rows holds, for each block:
//   quantised    where sums start, i32 [g] (−offset · Σ codes, where weights are stored plus an offset), scales f32 [g],
//                then for each q, for each half: codes [g][RUN], 4 bytes together
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

/** Inputs of one lane of a dot product: of 16 bits in the plain build, of 8 in the relaxed one. */
// @ts-ignore: decorator
@inline
export const RUN: usize = ASC_FEATURE_RELAXED_SIMD ? 4 : 2;

/** Runs in half a block. */
// @ts-ignore: decorator
@inline
export const RUNS: usize = 16 / RUN;

/** Rows in a group. With two vectors of outputs they make 8 accumulators, for which 16 registers suffice. */
// @ts-ignore: decorator
@inline
export const GROUP: usize = 4;

/** Bytes of a block of one row in a quantised panel. */
// @ts-ignore: decorator
@inline
export const PANEL_BLOCK: usize = 8 + RUNS * 8;
