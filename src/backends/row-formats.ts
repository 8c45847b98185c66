/**
 * How rows of a weight are handed to a backend: names of GGUF types, whose rows `weights/repack.ts` turns into these.
 * All are exact. F32, F16 and BF16 rows are plain elements. A quantised weight is code · scale − minimum:
 *
 * | | a stretch of inputs holds, in this order | bits per weight |
 * |---|---|---:|
 * | Q8_0 | 32: f16 scale, int8 codes (Q5_0 too) | 8.5 |
 * | Q4_0 | 32: f16 scale, nibbles: codes plus 8 | 4.5 |
 * | Q4_1 | 32: f16 scale, f16 minimum, nibbles | 5 |
 * | Q5_1 | 32: f16 scale, f16 minimum, int8 codes | 9 |
 * | IQ4_NL | 32: f16 scale, nibbles: indexes of 16 int8 codes | 4.5 |
 * | Q2_K | 256: f16 factor of scales, f16 factor of minimums, 16 int8 scales, 16 int8 minimums, nibbles | 5.125 |
 * | Q3_K | 256: f16 factor, 16 int8 scales, nibbles: codes plus 4 | 4.5625 |
 * | Q4_K | 256: f16 factor of scales, f16 factor of minimums, 8 int8 scales, 8 int8 minimums, nibbles | 4.625 |
 * | Q5_K | 256: f16 factor of scales, f16 factor of minimums, 8 int8 scales, 8 int8 minimums, int8 codes | 8.625 |
 * | Q6_K | 256: f16 factor, 16 int8 scales, int8 codes | 8.5625 |
 * | IQ4_XS | 256: f16 factor, 8 int8 scales, nibbles: indexes as in IQ4_NL | 4.3125 |
 *
 * A scale or minimum is for 32 inputs or, where there are 16 to a stretch, for 16. Nibbles are by as many inputs, the
 * first half of which is in the low nibbles and the second half in the high ones.
 */
export const ROW_FORMATS = {
  F32: { inputs: 1, bytes: 4 },
  F16: { inputs: 1, bytes: 2 },
  BF16: { inputs: 1, bytes: 2 },
  Q8_0: { inputs: 32, bytes: 2 + 32 },
  Q4_0: { inputs: 32, bytes: 2 + 16 },
  Q4_1: { inputs: 32, bytes: 4 + 16 },
  Q5_1: { inputs: 32, bytes: 4 + 32 },
  IQ4_NL: { inputs: 32, bytes: 2 + 16 },
  Q2_K: { inputs: 256, bytes: 4 + 32 + 128 },
  Q3_K: { inputs: 256, bytes: 2 + 16 + 128 },
  Q4_K: { inputs: 256, bytes: 4 + 16 + 128 },
  Q5_K: { inputs: 256, bytes: 4 + 16 + 256 },
  Q6_K: { inputs: 256, bytes: 2 + 16 + 256 },
  IQ4_XS: { inputs: 256, bytes: 2 + 8 + 128 },
} as const;

export type WeightType = keyof typeof ROW_FORMATS;

/** Whether rows are elements; all other weights meet activations quantised to int8. */
export const isFloat = (type: WeightType): boolean => ROW_FORMATS[type].inputs === 1;

/** Bytes of one row of `cols` inputs, a multiple of the format's stretch. */
export const rowBytes = (type: WeightType, cols: number): number => {
  const { inputs, bytes } = ROW_FORMATS[type];
  return (cols / inputs) * bytes;
};
