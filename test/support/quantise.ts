import type { SupportedType } from '../../src/weights/tensor-types.js';
import { BLOCK_FORMATS, type BlockFormat, getBits, meaning, putBits } from './block-formats.js';
import { fromBrain, fromHalf, toBrain, toHalf } from './half.js';

const BLOCK = 32;
const f = Math.fround;
/** C's roundf: halves away from zero. */
const round = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

const packWords = (values: Float32Array, encode: (value: number) => number): Uint8Array =>
  new Uint8Array(Uint16Array.from(values, encode).buffer);

const packBlocks = (
  values: Float32Array,
  blockBytes: number,
  pack: (block: Float32Array, out: DataView) => void,
  elements = BLOCK,
): Uint8Array => {
  if (values.length % elements !== 0)
    throw new Error(`${values.length} values are not whole blocks of ${elements}.`);
  const out = new Uint8Array((values.length / elements) * blockBytes);
  for (let b = 0; b * elements < values.length; b++) {
    pack(
      values.subarray(b * elements, (b + 1) * elements),
      new DataView(out.buffer, b * blockBytes, blockBytes),
    );
  }
  return out;
};

const packQ8 = (block: Float32Array, out: DataView): void => {
  const scale = f(block.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);
  const inverse = scale ? f(1 / scale) : 0;
  out.setUint16(0, toHalf(scale), true);
  for (let i = 0; i < BLOCK; i++) out.setInt8(2 + i, round(f(block[i]! * inverse)));
};

const packQ4 = (block: Float32Array, out: DataView): void => {
  const extreme = block.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
  const scale = f(extreme / -8);
  const inverse = scale ? f(1 / scale) : 0;
  const code = (i: number): number => Math.min(15, Math.trunc(f(f(block[i]! * inverse) + 8.5)));
  out.setUint16(0, toHalf(scale), true);
  for (let i = 0; i < 16; i++) out.setUint8(2 + i, code(i) | (code(i + 16) << 4));
};

/** The greatest numbers that the bits of codes, scales and minimums hold. */
const widest = (bits: readonly (readonly [number, number, number])[]): number =>
  2 ** bits.reduce((sum, [, , width]) => sum + width, 0) - 1;

const nearest = (means: readonly number[], value: number): number =>
  means.reduce(
    (best, mean, code) => (Math.abs(mean - value) < Math.abs(means[best]! - value) ? code : best),
    0,
  );

/** Any block format: a step and a minimum for every grain, rounded to what the block can hold, then nearest codes. */
const packAny =
  (format: BlockFormat) =>
  (block: Float32Array, out: DataView): void => {
    const { elements, grain, d, m, sign = -1, offset = 0, curve, scaleOffset = 0 } = format;
    const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
    const codes = widest(format.code(0)) + 1;
    const means = Array.from({ length: codes }, (_, code) => curve?.[code] ?? meaning(code, offset));
    const codeOf = (value: number): number => (offset === 'signed' ? value : value + offset);
    const [least, most] = [Math.min(...means), Math.max(...means)];
    const grains = Array.from({ length: elements / grain }, (_, g) => {
      const part = block.subarray(g * grain, (g + 1) * grain);
      const [low, high] = [Math.min(0, ...part), Math.max(0, ...part)];
      return m === undefined
        ? { step: Math.max(high / most, low / least), low: 0 }
        : { step: (high - low) / most, low: sign * low };
    });
    /** Writes a common factor; answers what every grain's number has become. */
    const share = (
      at: number,
      numbers: readonly number[],
      bits: BlockFormat['scale'],
      shift: number | 'signed',
    ): number[] => {
      const top = bits ? meaning(shift === 'signed' ? 127 : widest(bits(0)), shift) : 1;
      const extreme = numbers.reduce((far, x) => (Math.abs(x) > Math.abs(far) ? x : far), 0);
      out.setUint16(at, toHalf(extreme / top), true);
      const factor = fromHalf(out.getUint16(at, true));
      if (!bits) return [factor];
      return numbers.map((x, g) => {
        const times = Math.max(0, Math.min(top, round(factor ? x / factor : 0)));
        putBits(bytes, bits(g), times + (shift === 'signed' ? 0 : shift));
        return times * factor;
      });
    };
    const steps = share(
      d,
      grains.map(({ step }) => step),
      format.scale,
      scaleOffset,
    );
    const lows =
      m === undefined
        ? []
        : share(
            m,
            grains.map(({ low }) => low),
            format.minimum,
            0,
          );
    for (let i = 0; i < elements; i++) {
      const g = Math.floor(i / grain);
      const at = steps[g] ? (block[i]! - sign * (lows[g] ?? 0)) / steps[g] : 0;
      putBits(
        bytes,
        format.code(i),
        curve ? nearest(means, at) : codeOf(Math.max(least, Math.min(most, round(at)))),
      );
    }
  };

/** Rows of `values` as a GGUF file stores them; Q8_0 and Q4_0 rounded as llama.cpp's reference quantisers do. */
export const quantise = (type: SupportedType, values: Float32Array): Uint8Array => {
  switch (type) {
    case 'F32':
      return new Uint8Array(values.slice().buffer);
    case 'F16':
      return packWords(values, toHalf);
    case 'BF16':
      return packWords(values, toBrain);
    case 'Q8_0':
      return packBlocks(values, 34, packQ8);
    case 'Q4_0':
      return packBlocks(values, 18, packQ4);
    default:
      return packBlocks(
        values,
        BLOCK_FORMATS[type].bytes,
        packAny(BLOCK_FORMATS[type]),
        BLOCK_FORMATS[type].elements,
      );
  }
};

/** The numbers that blocks of a format stand for, each part exact and the sum rounded to f32. */
const unpackBlocks = (bytes: Uint8Array, format: BlockFormat): Float32Array => {
  const { elements, grain, d, m, sign = 1, offset, curve, scale, scaleOffset, minimum } = format;
  const out = new Float32Array((bytes.length / format.bytes) * elements);
  const codes = Array.from({ length: elements }, (_, i) => format.code(i));
  for (let b = 0; b * elements < out.length; b++) {
    const block = bytes.subarray(b * format.bytes, (b + 1) * format.bytes);
    const half = (at: number): number => fromHalf(block[at]! | (block[at + 1]! << 8));
    for (let i = 0; i < elements; i++) {
      const g = Math.floor(i / grain);
      const step = half(d) * (scale ? meaning(getBits(block, scale(g)), scaleOffset) : 1);
      const bits = getBits(block, codes[i]!);
      const value = step * (curve?.[bits] ?? meaning(bits, offset));
      const low = m === undefined ? 0 : half(m) * (minimum ? getBits(block, minimum(g)) : 1);
      out[b * elements + i] = m === undefined ? value : value + sign * low;
    }
  }
  return out;
};

/** The numbers that stored rows stand for, rounded to f32 at most once. */
export const dequantise = (type: SupportedType, bytes: Uint8Array): Float32Array => {
  const copy = bytes.slice();
  switch (type) {
    case 'F32':
      return new Float32Array(copy.buffer);
    case 'F16':
      return Float32Array.from(new Uint16Array(copy.buffer), fromHalf);
    case 'BF16':
      return Float32Array.from(new Uint16Array(copy.buffer), fromBrain);
    default:
      return unpackBlocks(bytes, BLOCK_FORMATS[type]);
  }
};
