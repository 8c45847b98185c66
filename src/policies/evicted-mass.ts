import { PAGE, type Range } from '../backends/backend.js';
import { inOwnChannels, storedHead } from '../kv/stored-head.js';
import type { Amends, RetentionParts } from './policy.js';

/** What stands for the tokens of one KV head that were dropped. */
interface Means {
  /** (means, keyDim) and (means, valueDim). */
  readonly keys: Float32Array;
  readonly values: Float32Array;
  /** ln of how many tokens each stands for. */
  readonly logs: Float32Array;
}

/** Tokens that share a mean, aligned: those of them that were dropped. */
const RUN = 16;

/** Tokens before `tokens` that no range holds, by run. */
const droppedRuns = (kept: readonly Range[], tokens: number): number[][] => {
  const runs: number[][] = [];
  let at = 0;
  for (const [start, end] of [...kept, [tokens, tokens] as const]) {
    for (; at < start; at++) {
      if (at % RUN === 0 || at === 0 || runs.at(-1)?.at(-1) !== at - 1) runs.push([]);
      runs.at(-1)!.push(at);
    }
    at = Math.max(at, end);
  }
  return runs;
};

/** Lets dropped tokens go on weighing in attention, all those of a run as one. */
export const evictedMass = ({ backend, layers, scale, softcap }: RetentionParts): Amends => {
  let means: Means[][] = [];

  const meansOf = async (layer: number, kept: readonly (readonly Range[])[], tokens: number) => {
    const kv = layers[layer]!;
    const { keyDim, valueDim } = kv.shape;
    const pages = new Map<number, Uint8Array>();
    const found: Means[] = [];
    for (const [head, ranges] of kept.entries()) {
      const runs = droppedRuns(ranges, tokens);
      const own: Means = {
        keys: new Float32Array(runs.length * keyDim),
        values: new Float32Array(runs.length * valueDim),
        logs: Float32Array.from(runs, (run) => Math.log(run.length)),
      };
      const [key, value] = [new Float32Array(keyDim), new Float32Array(valueDim)];
      for (const [n, run] of runs.entries()) {
        const page = Math.floor(run[0]! / PAGE);
        const bytes = pages.get(page) ?? (await backend.readPage(kv, page));
        pages.set(page, bytes);
        const stored = storedHead(bytes, kv.shape, head);
        const meanKey = own.keys.subarray(n * keyDim, (n + 1) * keyDim);
        const meanValue = own.values.subarray(n * valueDim, (n + 1) * valueDim);
        for (const token of run) {
          stored.key(token % PAGE, key);
          stored.value(token % PAGE, value);
          for (let c = 0; c < keyDim; c++) meanKey[c]! += key[c]! / run.length;
          for (let c = 0; c < valueDim; c++) meanValue[c]! += value[c]! / run.length;
        }
        inOwnChannels(meanKey, kv.shape);
      }
      found.push(own);
    }
    return found;
  };

  return {
    plans: false,
    async chosen(kept, { tokens }) {
      const found: Means[][] = [];
      for (const [layer, rows] of kept.entries()) found.push(await meansOf(layer, rows, tokens));
      means = found;
    },
    touches: (layer) => means[layer]!.some(({ logs }) => logs.length > 0),
    amend({ layer, kvHead, query, logSumExp }, result) {
      const { keys, values, logs } = means[layer]![kvHead]!;
      const [keyDim, valueDim] = [query.length, result.length];
      const logits = logs.map((log, n) => {
        let dot = 0;
        for (let c = 0; c < keyDim; c++) dot += query[c]! * keys[n * keyDim + c]!;
        const logit = scale * dot;
        return log + (softcap === undefined ? logit : softcap * Math.tanh(logit / softcap));
      });
      const most = logits.reduce((a, b) => Math.max(a, b), logSumExp);
      let total = Math.exp(logSumExp - most);
      for (let c = 0; c < valueDim; c++) result[c]! *= total;
      for (const [n, logit] of logits.entries()) {
        const weight = Math.exp(logit - most);
        total += weight;
        for (let c = 0; c < valueDim; c++) result[c]! += weight * values[n * valueDim + c]!;
      }
      for (let c = 0; c < valueDim; c++) result[c]! /= total;
    },
  };
};
