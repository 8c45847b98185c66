import { type GapJudge, type KvShape, PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { numberBetween } from '../options.js';
import { readBytes } from '../weights/read-bytes.js';
import { type BoundaryWeights, gapLogits, readNetwork } from './boundary-network.js';
import { dhsa } from './dhsa.js';
import type { DhsaOptions } from './dhsa-options.js';
import { fingerprintOf } from './fingerprint-of.js';
import type { Predictor } from './predictor.js';
import { pageKeys } from './stored-keys.js';

/** Logits are compared in these steps, so that how sums are rounded does not order equal gaps. */
const STEPS = 1024;

/** A judge by a network. */
export interface NetworkJudge extends GapJudge {
  readonly network: BoundaryWeights;
  readonly threshold: number;
}

/** Gaps whose logit is above `threshold`, by how far. */
export const judgeOf = (network: BoundaryWeights, threshold: number, fingerprint: string): NetworkJudge => {
  const { window, width } = network;
  return {
    ...{ network, threshold },
    fingerprint: `${fingerprint} threshold=${threshold}`,
    measure(shape: KvShape, page, bytesOf) {
      if (shape.kvHeads * shape.keyDim !== width) {
        throw new LonghandError(
          'input/option',
          `attention.predictor is for keys of ${width} channels, and this model's have ${shape.kvHeads * shape.keyDim}. Give the file that was made for this model.`,
          { option: 'attention.predictor' },
        );
      }
      const before = page > 0 ? 2 * window : 0;
      const keys = new Float32Array((before + PAGE) * width);
      if (page > 0) keys.set(pageKeys(shape, bytesOf(page - 1)).subarray((PAGE - before) * width));
      keys.set(pageKeys(shape, bytesOf(page)), before * width);
      const logits = gapLogits(network, keys, before + PAGE);
      const found = new Float32Array(PAGE).fill(-1);
      // The first gap of a window has its left keys in the page before; in the first page there are none.
      const first = page > 0 ? 0 : 2 * window;
      for (let i = 0; i + first < PAGE && i < logits.length; i++) {
        const logit = Math.round(logits[i]! * STEPS) / STEPS;
        if (logit > threshold) found[i + first] = logit - threshold;
      }
      return found;
    },
  };
};

/** DHSA whose boundaries a network finds that was trained for the model: `boundaries: 'learned'`. */
export const learnedDhsa = async ({ predictor, threshold, ...options }: DhsaOptions): Promise<Predictor> => {
  const [bytes, label] = await readBytes('attention.predictor', predictor);
  const network = readNetwork(bytes, label);
  const least = numberBetween('attention.threshold', threshold, network.threshold, -100, 100);
  const fingerprint = await fingerprintOf(bytes);
  const judge = judgeOf(network, least, fingerprint);
  return dhsa(options, { source: 'contrast', window: network.window, perPage: 4, minimum: 8, judge });
};
