import { PAGE } from '../backends/backend.js';
import { inOwnChannels, storedHead } from '../kv/stored-head.js';
import type { Expects, Moments, RetentionParts } from './policy.js';
import { expectedLogit, meanAngles, turnedMoments } from './query-moments.js';

/** How much attention tokens may expect. */
export interface Expectation {
  /** scores[layer][KV head][token] of tokens [0, tokens), whose pages must have memory. */
  read(tokens: number): Promise<Float32Array[][]>;
  /** Pages with tokens beyond these hold something else now. */
  forget(tokens: number): void;
}

/** First tokens that take no part: where attention rests says nothing of the others. */
const SINKS = 4;

/** Logits become shares of those that count; the first have none. */
const softmax = (logits: Float32Array): Float32Array => {
  const counted = logits.subarray(SINKS);
  const most = counted.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = logits.map((logit, t) => (t < SINKS ? 0 : Math.exp(logit - most)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return sum > 0 ? weights.map((weight) => weight / sum) : weights;
};

/**
 * Scores of tokens by their stored keys alone. Positions to come are counted from the last multiple of `ahead`, so that whole
 * pages keep what was computed for them while a text is asked about.
 */
export const createExpectation = (parts: RetentionParts, expects: Expects): Expectation => {
  const { backend, layers, heads, scale, turning } = parts;
  const { ahead, moments } = expects;
  /** By layer and page: logits of its tokens, query head by query head. */
  const known = layers.map((): Float32Array[] => []);
  let turned: Moments[][] = [];
  let from = -1;

  const turnTo = (position: number): void => {
    if (position === from) return;
    from = position;
    for (const pages of known) pages.length = 0;
    turned = moments.map((own, layer) => {
      const angles = turning?.angles(layer, from, ahead);
      if (!angles) return [...own];
      const mean = meanAngles(angles, angles.length / ahead);
      return own.map((one) => turnedMoments(one, mean, turning!.pairing));
    });
  };

  const logitsOf = async (layer: number, page: number, tokens: number): Promise<Float32Array> => {
    const kv = layers[layer]!;
    const { shape } = kv;
    const bytes = await backend.readPage(kv, page);
    const key = new Float32Array(shape.keyDim);
    const logits = new Float32Array(heads * PAGE);
    const group = heads / shape.kvHeads;
    for (let kvHead = 0; kvHead < shape.kvHeads; kvHead++) {
      const stored = storedHead(bytes, shape, kvHead);
      for (let token = 0; token < tokens; token++) {
        stored.key(token, key);
        inOwnChannels(key, shape);
        for (let head = kvHead * group; head < (kvHead + 1) * group; head++)
          logits[head * PAGE + token] = expectedLogit(turned[layer]![head]!, key, scale);
      }
    }
    return logits;
  };

  return {
    async read(tokens) {
      turnTo(Math.floor(tokens / ahead) * ahead);
      const scores: Float32Array[][] = [];
      for (const [layer, { shape }] of layers.entries()) {
        const logits = Array.from({ length: heads }, () => new Float32Array(tokens));
        for (let page = 0; page * PAGE < tokens; page++) {
          const inside = Math.min(PAGE, tokens - page * PAGE);
          const found = known[layer]![page] ?? (await logitsOf(layer, page, inside));
          if (inside === PAGE) known[layer]![page] = found;
          for (const [head, own] of logits.entries())
            own.set(found.subarray(head * PAGE, head * PAGE + inside), page * PAGE);
        }
        const shares = logits.map(softmax);
        const group = heads / shape.kvHeads;
        scores.push(
          Array.from({ length: shape.kvHeads }, (_, kvHead) =>
            shares[0]!.map((_, t) => {
              let sum = 0;
              for (let head = 0; head < group; head++) sum += shares[kvHead * group + head]![t]!;
              return sum / group;
            }),
          ),
        );
      }
      return scores;
    },
    forget(tokens) {
      for (const pages of known) pages.length = Math.min(pages.length, Math.floor(tokens / PAGE));
    },
  };
};
