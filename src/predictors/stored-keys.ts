import { type Backend, type KvLayer, type KvShape, PAGE } from '../backends/backend.js';
import { inOwnChannels, storedHead } from '../kv/stored-head.js';

/** The keys of a page, (PAGE, kvHeads · keyDim), in the model's own channels, as their codec kept them. */
export const pageKeys = (shape: KvShape, bytes: Uint8Array): Float32Array<ArrayBuffer> => {
  const { kvHeads, keyDim } = shape;
  const out = new Float32Array(PAGE * kvHeads * keyDim);
  for (let head = 0; head < kvHeads; head++) {
    const stored = storedHead(bytes, shape, head);
    for (let token = 0; token < PAGE; token++) {
      const at = (token * kvHeads + head) * keyDim;
      const key = out.subarray(at, at + keyDim);
      stored.key(token, key);
      inOwnChannels(key, shape);
    }
  }
  return out;
};

/** The keys of pages [from, to) of a layer, (tokens, kvHeads · keyDim). Needs a CPU (`Needs.host`) and these pages in memory. */
export const storedKeys = (
  backend: Backend,
  kv: KvLayer,
  from: number,
  to: number,
): Float32Array<ArrayBuffer> => {
  const width = PAGE * kv.shape.kvHeads * kv.shape.keyDim;
  const out = new Float32Array((to - from) * width);
  for (let page = from; page < to; page++) {
    out.set(pageKeys(kv.shape, backend.peekPage!(kv, page)), (page - from) * width);
  }
  return out;
};

/** Keys (tokens, kvHeads · keyDim) by KV head: a view of each, in the order of tokens. */
export const keysByHead = (
  keys: Float32Array,
  { kvHeads, keyDim }: Pick<KvShape, 'kvHeads' | 'keyDim'>,
): Float32Array[][] =>
  Array.from({ length: kvHeads }, (_, head) =>
    Array.from({ length: keys.length / (kvHeads * keyDim) }, (_, token) => {
      const at = (token * kvHeads + head) * keyDim;
      return keys.subarray(at, at + keyDim);
    }),
  );
