import type { WeightType } from '../../src/backends/backend.js';
import { fromHalf } from '../support/half.js';

/** One row of a weight file as numbers. Q8_0: f16 scale, 32 int8. Q4_0: f16 scale, 16 bytes, value (n − 8) · scale. */
export const decodeRow = (type: WeightType, row: Uint8Array, cols: number): Float32Array => {
  const out = new Float32Array(cols);
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  if (type === 'F32') return out.map((_, i) => view.getFloat32(4 * i, true));
  const blockBytes = type === 'Q8_0' ? 34 : 18;
  for (let block = 0; block < cols / 32; block++) {
    const at = block * blockBytes;
    const scale = fromHalf(view.getUint16(at, true));
    for (let i = 0; i < 32; i++) {
      // Q4_0: low nibbles are elements 0..15, high nibbles 16..31.
      const nibble = (view.getUint8(at + 2 + (i % 16)) >> (i < 16 ? 0 : 4)) & 15;
      out[block * 32 + i] = scale * (type === 'Q8_0' ? view.getInt8(at + 2 + i) : nibble - 8);
    }
  }
  return out;
};

/** Round to the nearest integer, ties to even. */
const nearest = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
};

/** 32 activations as int8: scale = max|x| / 127, codes in −127..127. NaN and infinity make the scale NaN or infinite. */
export const quantizeBlock = (x: Float32Array): { scale: number; codes: Int8Array } => {
  let greatest = 0;
  for (const value of x) greatest = Math.max(greatest, Math.abs(value));
  const scale = Math.fround(greatest / 127);
  const codes = new Int8Array(32);
  for (let i = 0; i < 32; i++) {
    const code = nearest(Math.fround(x[i]! / scale));
    codes[i] = Number.isNaN(code) ? 0 : Math.max(-127, Math.min(127, code));
  }
  return { scale, codes };
};

/** A row of activations as a weight of this type meets it: as it is, or as int8 codes times a scale per 32. */
export const asMet = (type: WeightType, x: Float32Array): ArrayLike<number> => {
  if (type === 'F32') return x;
  const out = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += 32) {
    const { scale, codes } = quantizeBlock(x.subarray(at, at + 32));
    for (let i = 0; i < 32; i++) out[at + i] = codes[i]! * scale;
  }
  return out;
};
