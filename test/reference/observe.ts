import { type Backend, tileAt, tileCount } from '../../src/backends/backend.js';
import type { RefPlan, RefTensor } from './device.js';
import { integerQuery, storedKey, unrotated } from './keys.js';
import type { RefScores } from './selection.js';

/** Attention probabilities of a few rows, one token after the other. */
export const refObserve = (): Required<Pick<Backend, 'observe' | 'peek' | 'peekScores'>> => ({
  observe(out, q, kv, reads, scale) {
    const { kvHeads, keyDim, keys } = kv.shape;
    const { tiles, lists, rows } = reads as RefPlan;
    const { values } = q as RefTensor;
    const found = (out as RefTensor).values;
    const heads = q.cols / keyDim;
    found.fill(0);
    const stored = Array.from({ length: kvHeads }, () => new Map<number, Float32Array>());
    const keyOf = (kvHead: number, token: number): Float32Array => {
      const key = stored[kvHead]!.get(token) ?? storedKey(kv, kvHead, token);
      stored[kvHead]!.set(token, key);
      return key;
    };
    for (let row = 0; row < tiles.rows; row++) {
      const position = tiles.position + row;
      for (let head = 0; head < heads; head++) {
        const kvHead = Math.floor((head * kvHeads) / heads);
        const list = lists === 1 ? 0 : kvHead;
        const at = row * heads + head;
        const query = values.slice(at * keyDim, (at + 1) * keyDim);
        const turned = unrotated(kv, query);
        const met = keys === 'q8' ? integerQuery(turned) : { codes: turned, step: 1 };
        const named = rows[list * tileCount(tiles) + tileAt(tiles, position)]!.flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        ).filter((token) => token <= position);
        const logits = named.map((token) => {
          let sum = 0;
          const key = keyOf(kvHead, token);
          for (let c = 0; c < keyDim; c++) sum += key[c]! * met.codes[c]!;
          return scale * met.step * sum;
        });
        const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
        const weights = logits.map((logit) => Math.exp(logit - most));
        const sum = weights.reduce((a, b) => a + b, 0);
        named.forEach((token, i) => {
          found[at * out.cols + token] = weights[i]! / sum;
        });
      }
    }
  },

  peek: (tensor) => (tensor as RefTensor).values,
  peekScores: (scores) => (scores as RefScores).rows.map((row) => Float32Array.from(row)),
});
