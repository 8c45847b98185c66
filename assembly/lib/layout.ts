// Where things are inside packed weights and activation panels; the host only knows the sizes.
//
// A block is 32 inputs; a grain is the inputs that share a scale, 32 or 16. Dot products take RUN inputs of an output at
// once. Run p of a grain is inputs p · RUN on, in its first half, and as many in its second half, half a grain further
// on: the halves are the nibbles of a byte where codes have 4 bits.
//
// Packed weights. 16 rows (outputs) make a tile; a tile holds all columns (inputs):
//   quantised    (lib/formats.ts says what of this a format has) before every 256 inputs f16 factors of the scales and of
//                the minimums, [16 outputs] each; before every grain scales and minimums [16 outputs], int8 where there
//                are factors and f16 where there are none; then for each p
//                8 bits: codes [16 outputs][RUN] of the first half, then of the second. The relaxed build stores
//                        code + 128, because its dot product takes the weight as unsigned.
//                4 bits: bytes [16 outputs][RUN], whose low nibbles are the first half and high nibbles the second. In
//                        the plain build two runs together, [16 outputs][RUN] words of 16 bits: the low byte of a word
//                        is of run p, p even, the high byte of run p + 1, so that nobody must make words of bytes
//   F32 F16 BF16 [inputs][16 outputs]. A weight of one row is F32 and stays as it is.
// A packed weight has exactly the bytes of the rows it is made from, their number rounded up to 16.
//
// Activation panels, one kind for all quantised weights and one for all floats. GROUP rows make a group, which shares
// the loads of a tile; rows that do not fill a group follow one by one, as groups of one. A group of g rows holds, for
// each block:
//   quantised    −Σ codes of the block, of its first and of its last 16 inputs, i32 [g] each; scales f32 [g]; then for
//                each of the runs of 16 inputs, for the first and for the last 16: codes [g][RUN], 4 bytes together
//   floats       [inputs][g]

/** Outputs computed together. */
// @ts-ignore: decorator
@inline
export const TILE: usize = 16;

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

/** Bytes of sums and scale of one row in a block of a quantised panel. */
// @ts-ignore: decorator
@inline
export const PANEL_HEAD: usize = 16;

/** Bytes of a block of one row in a quantised panel. */
// @ts-ignore: decorator
@inline
export const PANEL_BLOCK: usize = PANEL_HEAD + RUNS * 8;
