import type { Backend, Weight } from '../../src/backends/backend.js';
import { isFloat, ROW_FORMATS, rowBytes, type WeightType } from '../../src/backends/row-formats.js';
import { hasMinimums } from '../reference/rows.js';
import { toBrain } from '../support/half.js';
import type { Random } from '../support/random.js';

export const weightTypes = Object.keys(ROW_FORMATS) as WeightType[];
export const quantisedTypes = weightTypes.filter((type) => !isFloat(type));

/** Where rows of quantised weights have f16 numbers: at 0, and at 2 too where there are minimums. */
const halvesOf = (type: WeightType): readonly number[] => (hasMinimums(type) ? [0, 2] : [0]);

/** Codes of 5 bits; scales and minimums as they come. */
const codeMask = (type: 'Q5_1' | 'Q5_K', i: number): number => {
  const { bytes, inputs } = ROW_FORMATS[type];
  return i % bytes < bytes - inputs ? 0xff : 0x1f;
};

/**
 * Rows as a backend is given them. Codes, and scales that are integers, take every value, −128 too; f16 scales and
 * factors are about 0.01, of either sign.
 */
export const randomRows = (
  random: Random,
  type: WeightType,
  rows: number,
  cols: number,
  scale = (): number => 0x2000 + random.below(0x400) + 0x8000 * random.below(2),
): Uint8Array<ArrayBuffer> => {
  if (type === 'F32') return new Uint8Array(random.normals(rows * cols).buffer);
  if (type === 'F16') return new Uint8Array(Uint16Array.from({ length: rows * cols }, scale).buffer);
  if (type === 'BF16') {
    return new Uint8Array(Uint16Array.from(random.normals(rows * cols), toBrain).buffer);
  }
  const bytes = random.bytes(rows * rowBytes(type, cols));
  // With codes of more than 5 bits products of a minimum's type would be rounded once before the sum is.
  if (type === 'Q5_1' || type === 'Q5_K')
    for (let i = 0; i < bytes.length; i++) bytes[i]! &= codeMask(type, i);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += ROW_FORMATS[type].bytes) {
    for (const half of halvesOf(type)) view.setUint16(at + half, scale(), true);
  }
  return bytes;
};

/** f16 bit patterns at the ends of what a scale can be: zeros, the least and greatest subnormal and normal numbers. */
export const extremeScale = (random: Random) => (): number =>
  [0, 0x8000, 1, 0x8001, 2, 0x3ff, 0x83ff, 0x400, 0x3c00, 0x7bff, 0xfbff][random.below(11)]!;

/** A weight with these rows, handed over `piece` rows at a time. */
export const weightOf = (
  backend: Pick<Backend, 'weight' | 'fill'>,
  type: WeightType,
  rows: number,
  cols: number,
  bytes: Uint8Array,
  piece = rows,
): Weight => {
  const weight = backend.weight(`${type} weight`, type, rows, cols);
  const size = bytes.length / rows;
  for (let row = 0; row < rows; row += piece) {
    backend.fill(weight, row, bytes.subarray(row * size, Math.min(rows, row + piece) * size));
  }
  return weight;
};
