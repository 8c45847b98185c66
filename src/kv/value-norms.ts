import { type Backend, type KvLayer, PAGE } from '../backends/backend.js';
import { storedHead } from './stored-head.js';

/** ‖v‖₁ of the stored values of one layer, by KV head and token. Whole pages are read once. */
export interface ValueNorms {
  /** Of tokens [0, tokens), whose pages must have memory. */
  read(tokens: number): Promise<readonly Float32Array[]>;
  /** Pages with tokens beyond these hold something else now. */
  forget(tokens: number): void;
}

export const createValueNorms = (backend: Pick<Backend, 'readPage'>, kv: KvLayer): ValueNorms => {
  const { shape } = kv;
  const vector = new Float32Array(shape.valueDim);
  const pages: Float32Array[][] = [];
  const normsOf = async (page: number, tokens: number): Promise<Float32Array[]> => {
    const bytes = await backend.readPage(kv, page);
    return Array.from({ length: shape.kvHeads }, (_, head) => {
      const stored = storedHead(bytes, shape, head);
      return Float32Array.from({ length: tokens }, (_, token) => {
        stored.value(token, vector);
        return vector.reduce((sum, x) => sum + Math.abs(x), 0);
      });
    });
  };
  return {
    async read(tokens) {
      const norms = Array.from({ length: shape.kvHeads }, () => new Float32Array(tokens));
      for (let page = 0; page * PAGE < tokens; page++) {
        const inside = Math.min(PAGE, tokens - page * PAGE);
        const found = pages[page] ?? (await normsOf(page, inside));
        if (inside === PAGE) pages[page] = found;
        for (const [head, own] of norms.entries()) own.set(found[head]!, page * PAGE);
      }
      return norms;
    },
    forget(tokens) {
      pages.length = Math.min(pages.length, Math.floor(tokens / PAGE));
    },
  };
};
