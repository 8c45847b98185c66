import { PAGE } from '../backends/backend.js';
import type { Codec } from './codec.js';
import { fromHalf, HALF_MAX, roundEven, tame, toHalf } from './half.js';
import { codecSizes, Q4_GROUP } from './sizes.js';

const { fround } = Math;

const groupsOf = (dim: number): number => Math.ceil(dim / Q4_GROUP);

/** f16 bits of the greatest half that is not above `value`, so that no code lies below 0. */
const halfBelow = (value: number): number => {
  const bits = toHalf(value);
  if (fromHalf(bits) <= value) return bits;
  if ((bits & 0x7fff) === 0) return 0x8001;
  return bits & 0x8000 ? bits + 1 : bits - 1;
};

/** f16 bits of range / 15 to the nearest half, or the next half up where a code would else pass 15. */
const scaleOf = (range: number): number => {
  const bits = toHalf(fround(range / 15));
  const scale = fromHalf(bits);
  return range > 0 && (scale === 0 || roundEven(fround(range / scale)) > 15) ? bits + 1 : bits;
};

/**
 * 4-bit codes 0…15, two channels a byte, with an f16 scale and an f16 minimum per 32 channels (the last group may be
 * shorter): x̂ = scale · code + minimum, |x − x̂| ≤ scale / 2. NaN is stored as 0, what is beyond ±65504 as ±65504.
 */
export const q4: Codec = {
  name: 'q4',
  ...codecSizes.q4,
  encode(block, dim, token, vector) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let group = 0; group < groupsOf(dim); group++) {
      const x = vector
        .slice(group * Q4_GROUP, Math.min((group + 1) * Q4_GROUP, dim))
        .map((v) => tame(v, HALF_MAX));
      const low = halfBelow(Math.min(...x));
      const minimum = fromHalf(low);
      const bits = scaleOf(fround(Math.max(...x) - minimum));
      const scale = fromHalf(bits);
      const code = (c: number): number =>
        scale === 0 ? 0 : roundEven(fround(fround(x[c]! - minimum) / scale));
      for (let c = 0; c < x.length; c += 2) {
        block[(token * dim + group * Q4_GROUP + c) / 2] = code(c) | (code(c + 1) << 4);
      }
      const at = (PAGE * dim) / 2 + (token * groupsOf(dim) + group) * 2;
      view.setUint16(at, bits, true);
      view.setUint16(at + PAGE * 2 * groupsOf(dim), low, true);
    }
  },
  decode(block, dim, token, out) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let c = 0; c < dim; c++) {
      const at = (PAGE * dim) / 2 + (token * groupsOf(dim) + Math.floor(c / Q4_GROUP)) * 2;
      const scale = fromHalf(view.getUint16(at, true));
      const minimum = fromHalf(view.getUint16(at + PAGE * 2 * groupsOf(dim), true));
      const pair = block[(token * dim + c - (c & 1)) / 2]!;
      out[c] = fround(scale * (c & 1 ? pair >> 4 : pair & 15)) + minimum;
    }
  },
};
