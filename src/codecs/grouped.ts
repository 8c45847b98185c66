import { PAGE } from '../backends/backend.js';
import type { Codec } from './codec.js';
import { fromHalf, HALF_MAX, roundEven, tame, toHalf } from './half.js';
import { codecSizes, GROUP } from './sizes.js';

const { fround } = Math;

const groupsOf = (dim: number): number => Math.ceil(dim / GROUP);

/** f16 bits of the greatest half that is not above `value`, so that no code lies below 0. */
const halfBelow = (value: number): number => {
  const bits = toHalf(value);
  if (fromHalf(bits) <= value) return bits;
  if ((bits & 0x7fff) === 0) return 0x8001;
  return bits & 0x8000 ? bits + 1 : bits - 1;
};

/** f16 bits of range / greatest to the nearest half, or the next half up where a code would else pass `greatest`. */
const scaleOf = (range: number, greatest: number): number => {
  const bits = toHalf(fround(range / greatest));
  const scale = fromHalf(bits);
  return range > 0 && (scale === 0 || roundEven(fround(range / scale)) > greatest) ? bits + 1 : bits;
};

/**
 * Codes of `bits` bits from 0 up, a channel's above that of the channel before it in the same byte, with an f16 scale and an
 * f16 minimum per 32 channels (the last group may be shorter): x̂ = scale · code + minimum, |x − x̂| ≤ scale / 2. NaN is
 * stored as 0, what is beyond ±65504 as ±65504. As KIVI's values, arXiv 2402.02750 §3.
 */
export const grouped = (name: 'q4' | 'q2', bits: number): Codec => {
  const greatest = 2 ** bits - 1;
  const perByte = 8 / bits;
  const scaleAt = (dim: number, token: number, group: number): number =>
    (PAGE * dim) / perByte + (token * groupsOf(dim) + group) * 2;
  const toMinimum = (dim: number): number => PAGE * 2 * groupsOf(dim);
  return {
    name,
    ...codecSizes[name],
    encode(block, dim, token, vector) {
      const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
      for (let group = 0; group < groupsOf(dim); group++) {
        const x = vector
          .slice(group * GROUP, Math.min((group + 1) * GROUP, dim))
          .map((v) => tame(v, HALF_MAX));
        const low = halfBelow(Math.min(...x));
        const minimum = fromHalf(low);
        const half = scaleOf(fround(Math.max(...x) - minimum), greatest);
        const scale = fromHalf(half);
        const code = (c: number): number =>
          scale === 0 ? 0 : roundEven(fround(fround(x[c]! - minimum) / scale));
        for (let c = 0; c < x.length; c += perByte) {
          let byte = 0;
          for (let i = 0; i < perByte; i++) byte |= code(c + i) << (i * bits);
          block[(token * dim + group * GROUP + c) / perByte] = byte;
        }
        const at = scaleAt(dim, token, group);
        view.setUint16(at, half, true);
        view.setUint16(at + toMinimum(dim), low, true);
      }
    },
    decode(block, dim, token, out) {
      const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
      for (let c = 0; c < dim; c++) {
        const at = scaleAt(dim, token, Math.floor(c / GROUP));
        const scale = fromHalf(view.getUint16(at, true));
        const minimum = fromHalf(view.getUint16(at + toMinimum(dim), true));
        const byte = block[Math.floor((token * dim + c) / perByte)]!;
        out[c] = fround(scale * ((byte >> ((c % perByte) * bits)) & greatest)) + minimum;
      }
    },
  };
};
