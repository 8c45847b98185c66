import type { Codec } from './codec.js';
import { fromHalf, HALF_MAX, tame, toHalf } from './half.js';
import { codecSizes } from './sizes.js';

/** Half precision, little-endian, no scales. NaN is stored as 0, what is beyond ±65504 as ±65504. */
export const f16: Codec = {
  name: 'f16',
  ...codecSizes.f16,
  encode(block, dim, token, vector) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let c = 0; c < dim; c++) {
      view.setUint16((token * dim + c) * 2, toHalf(tame(vector[c]!, HALF_MAX)), true);
    }
  },
  decode(block, dim, token, out) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    for (let c = 0; c < dim; c++) out[c] = fromHalf(view.getUint16((token * dim + c) * 2, true));
  },
};
