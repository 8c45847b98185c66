import type { KvLayer } from '../../src/backends/backend.js';
import { hadamard } from '../../src/codecs/hadamard.js';
import { codecs } from '../../src/codecs/index.js';
import { keysAt } from '../../src/codecs/page-format.js';
import { pageOf, type RefKvLayer } from './device.js';

/** A key as it is stored: dequantised, still rotated where the codec is q8 or q4. */
export const storedKey = (kv: KvLayer, head: number, token: number): Float32Array => {
  const { shape } = kv;
  const key = new Float32Array(shape.keyDim);
  const block = pageOf(kv as RefKvLayer, Math.floor(token / 64)).subarray(keysAt(shape, head));
  codecs[shape.keys].decode(block, shape.keyDim, token % 64, key);
  return key;
};

/** A key or a sum of keys in the model's own channels. A Hadamard rotation is its own inverse. */
export const unrotated = (kv: KvLayer, stored: Float32Array): Float32Array => {
  const key = stored.slice();
  if (kv.shape.keys !== 'f16') hadamard(key);
  return key;
};

/** A query as q8 keys meet it: integers up to ±8191 times a step. */
export const integerQuery = (q: Float32Array): { codes: number[]; step: number } => {
  const most = q.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  const inverse = most > 0 ? Math.fround(8191 / most) : 0;
  const nearest = (x: number): number => {
    const up = Math.floor(x + 0.5);
    return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
  };
  return { codes: Array.from(q, (x) => nearest(Math.fround(x * inverse))), step: Math.fround(most / 8191) };
};
