import { isFloat, ROW_FORMATS, type WeightType } from '../../src/backends/row-formats.js';
import { fromBrain, fromHalf } from '../support/half.js';

/** What ROW_FORMATS says in words: inputs of a scale, whether codes are nibbles, what is subtracted from them. */
interface Layout {
  readonly grain: 16 | 32;
  readonly nibbles: boolean;
  readonly offset?: number;
  readonly curved?: boolean;
  readonly minimums?: boolean;
}

const LAYOUTS: Readonly<Record<Exclude<WeightType, 'F32' | 'F16' | 'BF16'>, Layout>> = {
  Q8_0: { grain: 32, nibbles: false },
  Q4_0: { grain: 32, nibbles: true, offset: 8 },
  Q4_1: { grain: 32, nibbles: true, minimums: true },
  Q5_1: { grain: 32, nibbles: false, minimums: true },
  IQ4_NL: { grain: 32, nibbles: true, curved: true },
  Q2_K: { grain: 16, nibbles: true, minimums: true },
  Q3_K: { grain: 16, nibbles: true, offset: 4 },
  Q4_K: { grain: 32, nibbles: true, minimums: true },
  Q5_K: { grain: 32, nibbles: false, minimums: true },
  Q6_K: { grain: 16, nibbles: false },
  IQ4_XS: { grain: 32, nibbles: true, curved: true },
};

const CURVE = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Whether rows of this type have minimums. */
export const hasMinimums = (type: WeightType): boolean =>
  !isFloat(type) && (LAYOUTS[type as 'Q8_0'].minimums ?? false);

/** One row of a weight: exact products of code and scale, and exact minimums, which are subtracted from them. */
export const decodeParts = (
  type: WeightType,
  row: Uint8Array,
  cols: number,
): { readonly products: Float64Array; readonly minimums: Float64Array } => {
  const products = new Float64Array(cols);
  const minimums = new Float64Array(cols);
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  if (isFloat(type)) {
    for (let i = 0; i < cols; i++) {
      if (type === 'F32') products[i] = view.getFloat32(4 * i, true);
      else products[i] = (type === 'F16' ? fromHalf : fromBrain)(view.getUint16(2 * i, true));
    }
    return { products, minimums };
  }
  const { grain, nibbles, offset = 0, curved, minimums: has } = LAYOUTS[type as 'Q8_0'];
  const { inputs, bytes } = ROW_FORMATS[type];
  const halves = has ? 4 : 2;
  const grains = inputs / grain;
  const small = inputs === 256 ? grains : 0;
  const codesAt = halves + (has ? 2 * small : small);
  const half = (at: number): number => fromHalf(view.getUint16(at, true));
  for (let first = 0; first < cols; first += grain) {
    const at = Math.floor(first / inputs) * bytes;
    const g = Math.floor((first % inputs) / grain);
    const scale = half(at) * (small ? view.getInt8(at + halves + g) : 1);
    const minimum = has ? half(at + 2) * (small ? view.getInt8(at + halves + small + g) : 1) : 0;
    const codes = at + codesAt + (nibbles ? (g * grain) / 2 : g * grain);
    for (let i = 0; i < grain; i++) {
      let code: number;
      if (nibbles) {
        const pair = view.getUint8(codes + (i % (grain / 2)));
        const nibble = i < grain / 2 ? pair & 15 : pair >> 4;
        code = curved ? CURVE[nibble]! : nibble - offset;
      } else {
        code = view.getInt8(codes + i);
      }
      products[first + i] = scale * code;
      minimums[first + i] = minimum;
    }
  }
  return { products, minimums };
};

/** One row of a weight as numbers, rounded once to f32. */
export const decodeRow = (type: WeightType, row: Uint8Array, cols: number): Float32Array => {
  const { products, minimums } = decodeParts(type, row, cols);
  return Float32Array.from(products, (product, i) => (hasMinimums(type) ? product - minimums[i]! : product));
};

/** Round to the nearest integer, ties to even. */
const nearest = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
};

/**
 * 32 activations as int8: scale = max|x| / 127, code = x · (127 / max|x|), rounded. Codes are 0 where max|x| < 2⁻¹²⁰,
 * and where NaN or infinity make the scale NaN or infinite.
 */
export const quantizeBlock = (x: Float32Array): { scale: number; codes: Int8Array } => {
  let greatest = 0;
  for (const value of x) greatest = Math.max(greatest, Math.abs(value));
  const codes = new Int8Array(32);
  if (greatest >= 2 ** -120 && greatest < Infinity) {
    const inverse = Math.fround(127 / greatest);
    codes.set(Array.from(x, (value) => nearest(Math.fround(value * inverse))));
  }
  return { scale: Math.fround(greatest / 127), codes };
};

/** A row of activations as a weight of this type meets it: as it is, or as int8 codes times a scale per 32. */
export const asMet = (type: WeightType, x: Float32Array): ArrayLike<number> => {
  if (isFloat(type)) return x;
  const out = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += 32) {
    const { scale, codes } = quantizeBlock(x.subarray(at, at + 32));
    for (let i = 0; i < 32; i++) out[at + i] = codes[i]! * scale;
  }
  return out;
};
