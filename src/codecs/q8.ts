import { PAGE } from '../backends/backend.js';
import type { Codec } from './codec.js';
import { fromHalf, HALF_MAX, roundEven, tame, toHalf } from './half.js';
import { codecSizes } from './sizes.js';

const { fround } = Math;
const LIMIT = HALF_MAX * 127;

/**
 * f16 bits of the scale of a vector: absmax / 127 rounded to the nearest half, or the next half up where a code would
 * else pass 127. So no code is ever clamped and |x − x̂| ≤ scale / 2.
 */
const scaleOf = (absmax: number): number => {
  const bits = toHalf(fround(absmax / 127));
  const scale = fromHalf(bits);
  return absmax > 0 && (scale === 0 || roundEven(fround(absmax / scale)) > 127) ? bits + 1 : bits;
};

/**
 * 8-bit codes −127…127 with one f16 scale per vector: x̂ = scale · code, code = x / scale to the nearest, ties to even.
 * NaN is stored as 0, what is beyond ±65504 · 127 as that. Whoever stores keys rotates them first.
 */
export const q8: Codec = {
  name: 'q8',
  ...codecSizes.q8,
  encode(block, dim, token, vector) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    let absmax = 0;
    for (let c = 0; c < dim; c++) absmax = Math.max(absmax, Math.abs(tame(vector[c]!, LIMIT)));
    const bits = scaleOf(absmax);
    const scale = fromHalf(bits);
    for (let c = 0; c < dim; c++) {
      view.setInt8(token * dim + c, scale === 0 ? 0 : roundEven(fround(tame(vector[c]!, LIMIT) / scale)));
    }
    view.setUint16(PAGE * dim + token * 2, bits, true);
  },
  decode(block, dim, token, out) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const scale = fromHalf(view.getUint16(PAGE * dim + token * 2, true));
    for (let c = 0; c < dim; c++) out[c] = scale * view.getInt8(token * dim + c);
  },
};
