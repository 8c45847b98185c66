import type { Backend, Weight, WeightType } from '../../src/backends/backend.js';
import type { Random } from '../support/random.js';

export const weightTypes: readonly WeightType[] = ['F32', 'Q8_0', 'Q4_0'];

/** Rows of a model file. Codes take every value, −128 too; scales are about 0.01, of either sign. */
export const randomRows = (
  random: Random,
  type: WeightType,
  rows: number,
  cols: number,
  scale = (): number => 0x2000 + random.below(0x400) + 0x8000 * random.below(2),
): Uint8Array<ArrayBuffer> => {
  if (type === 'F32') return new Uint8Array(random.normals(rows * cols).buffer);
  const blockBytes = type === 'Q8_0' ? 34 : 18;
  const bytes = random.bytes(((rows * cols) / 32) * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += blockBytes) view.setUint16(at, scale(), true);
  return bytes;
};

/** f16 bit patterns at the ends of what a scale can be: zeros, the least and greatest subnormal and normal numbers. */
export const extremeScale = (random: Random) => (): number =>
  [0, 0x8000, 1, 0x8001, 2, 0x3ff, 0x83ff, 0x400, 0x3c00, 0x7bff, 0xfbff][random.below(11)]!;

/** A weight with these rows, handed over `piece` rows at a time. */
export const weightOf = (
  backend: Backend,
  type: WeightType,
  rows: number,
  cols: number,
  bytes: Uint8Array,
  piece = rows,
): Weight => {
  const weight = backend.weight(`${type} weight`, type, rows, cols);
  const rowBytes = bytes.length / rows;
  for (let row = 0; row < rows; row += piece) {
    backend.fill(weight, row, bytes.subarray(row * rowBytes, Math.min(rows, row + piece) * rowBytes));
  }
  return weight;
};
