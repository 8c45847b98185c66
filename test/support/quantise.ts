import type { SupportedType } from '../../src/weights/tensor-types.js';
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
): Uint8Array => {
  if (values.length % BLOCK !== 0)
    throw new Error(`${values.length} values are not whole blocks of ${BLOCK}.`);
  const out = new Uint8Array((values.length / BLOCK) * blockBytes);
  for (let b = 0; b * BLOCK < values.length; b++) {
    pack(values.subarray(b * BLOCK, (b + 1) * BLOCK), new DataView(out.buffer, b * blockBytes, blockBytes));
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

/** Rows of `values` as a GGUF file stores them, rounded as llama.cpp's reference quantisers do. */
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
  }
};

const unpackBlocks = (
  bytes: Uint8Array,
  blockBytes: number,
  code: (codes: Uint8Array, i: number) => number,
): Float32Array => {
  const out = new Float32Array((bytes.length / blockBytes) * BLOCK);
  for (let b = 0; b * BLOCK < out.length; b++) {
    const block = bytes.subarray(b * blockBytes, (b + 1) * blockBytes);
    const codes = block.subarray(2);
    const scale = fromHalf(block[0]! | (block[1]! << 8));
    for (let i = 0; i < BLOCK; i++) out[b * BLOCK + i] = scale * code(codes, i);
  }
  return out;
};

/** The numbers that stored rows stand for, exactly as f32. */
export const dequantise = (type: SupportedType, bytes: Uint8Array): Float32Array => {
  const copy = bytes.slice();
  switch (type) {
    case 'F32':
      return new Float32Array(copy.buffer);
    case 'F16':
      return Float32Array.from(new Uint16Array(copy.buffer), fromHalf);
    case 'BF16':
      return Float32Array.from(new Uint16Array(copy.buffer), fromBrain);
    case 'Q8_0':
      return unpackBlocks(bytes, 34, (codes, i) => (codes[i]! << 24) >> 24);
    case 'Q4_0':
      return unpackBlocks(bytes, 18, (codes, i) => ((codes[i % 16]! >> (i < 16 ? 0 : 4)) & 15) - 8);
  }
};
