import { PAGE } from '../backends/backend.js';
import { inOwnChannels, storedHead } from '../kv/stored-head.js';
import type { Amends, RetentionParts } from './policy.js';

/** A token that weighs too much: its key, in the model's own channels, and its value. */
interface Sink {
  readonly token: number;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

export interface Calibration {
  /** What sinks keep of their weights. */
  readonly beta: number;
  /** Mean attention that makes a token one. */
  readonly threshold: number;
  isCalibrated(layer: number, kvHead: number): boolean;
}

/** Where the others together weigh less than this, nothing is there that could take what sinks lose. */
const NOTHING = 1e-6;

/** Tokens behind the first whose share of what was observed is above `threshold`. */
export const sinksOf = (scores: Float32Array, threshold: number): number[] => {
  const total = scores.reduce((sum, score) => sum + score, 0);
  const above = Array.from(scores.keys()).filter((t) => t > 0 && scores[t]! > threshold * total);
  return total > 0 ? above : [];
};

/**
 * Sinks that a row reads keep `beta` of their weights, and its other tokens share the rest in proportion to theirs: weights add up
 * to 1 as before. What a head made of a row is Σ p·v, and its log-sum-exp tells p of every sink by its key, so no other
 * attention is needed. Lifts of a plan are left out of p.
 */
export const calibrated = (
  { backend, layers, scale, softcap }: RetentionParts,
  { beta, threshold, isCalibrated }: Calibration,
): Amends => {
  let sinks: Sink[][][] = [];

  const read = async (layer: number, kvHead: number, tokens: readonly number[]): Promise<Sink[]> => {
    const kv = layers[layer]!;
    const found: Sink[] = [];
    for (const token of tokens) {
      const stored = storedHead(await backend.readPage(kv, Math.floor(token / PAGE)), kv.shape, kvHead);
      const [key, value] = [new Float32Array(kv.shape.keyDim), new Float32Array(kv.shape.valueDim)];
      stored.key(token % PAGE, key);
      stored.value(token % PAGE, value);
      inOwnChannels(key, kv.shape);
      found.push({ token, key, value });
    }
    return found;
  };

  return {
    plans: true,
    async chosen(_, { scores }) {
      const found: Sink[][][] = [];
      for (const [layer, own] of scores.entries()) {
        const ofLayer: Sink[][] = [];
        for (const [kvHead, ofHead] of own.entries()) {
          const tokens = isCalibrated(layer, kvHead) ? sinksOf(ofHead, threshold) : [];
          ofLayer.push(await read(layer, kvHead, tokens));
        }
        found.push(ofLayer);
      }
      sinks = found;
    },
    touches: (layer) => beta < 1 && sinks[layer]!.some((own) => own.length > 0),
    amend({ layer, kvHead, query, logSumExp, ranges }, result) {
      const own = sinks[layer]![kvHead]!.filter(({ token }) =>
        ranges.some(([start, end]) => start <= token && token < end),
      );
      const weights = own.map(({ key }) => {
        const logit = scale * key.reduce((sum, x, c) => sum + x * query[c]!, 0);
        const capped = softcap === undefined ? logit : softcap * Math.tanh(logit / softcap);
        return Math.exp(capped - logSumExp);
      });
      const sunk = weights.reduce((sum, weight) => sum + weight, 0);
      if (1 - sunk < NOTHING || sunk === 0) return;
      const others = (1 - beta * sunk) / (1 - sunk);
      for (let c = 0; c < result.length; c++) {
        result[c]! *= others;
        for (const [n, { value }] of own.entries()) result[c]! += (beta - others) * weights[n]! * value[c]!;
      }
    },
  };
};
