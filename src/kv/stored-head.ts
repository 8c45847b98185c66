import type { KvShape } from '../backends/backend.js';
import { hadamard } from '../codecs/hadamard.js';
import { codecs } from '../codecs/index.js';
import { keyBytes, keysAt, valueBytes, valuesAt } from '../codecs/page-format.js';

/** What one KV head of a page holds, token by token. */
export interface StoredHead {
  /** The key as the codec has it: see `inOwnChannels`. */
  key(token: number, out: Float32Array): void;
  value(token: number, out: Float32Array): void;
}

export const storedHead = (bytes: Uint8Array, shape: KvShape, head: number): StoredHead => {
  const keys = bytes.subarray(keysAt(shape, head), keysAt(shape, head) + keyBytes(shape));
  const values = bytes.subarray(valuesAt(shape, head), valuesAt(shape, head) + valueBytes(shape));
  return {
    key: (token, out) => codecs[shape.keys].decode(keys, shape.keyDim, token, out),
    value: (token, out) => codecs[shape.values].decode(values, shape.valueDim, token, out),
  };
};

/** A stored key, or a mean of some, in the model's own channels, in place: codecs of few bits keep keys rotated. */
export const inOwnChannels = (key: Float32Array, shape: KvShape): void => {
  if (shape.keys !== 'f16') hadamard(key);
};
