import { numberBetween } from '../options.js';
import { type Predictor, readsOf } from './predictor.js';

/** Beside every method. */
export interface SkipOptions {
  /**
   * Blocks of 32 keys are read and left out where none of their weights reaches this share of the greatest weight before them,
   * [0, 1): their values are not looked at. Default 0: nothing is left out.
   */
  readonly skip?: number;
}

/**
 * `predictor`, with attention that leaves out blocks that cannot matter (BLASST, arXiv 2512.12087; selective V in the
 * manner of DiffQKV, arXiv 2501.13629). In the paper the share falls with the length of the text; here it is one number.
 */
export const skipping = (predictor: Predictor, { skip }: SkipOptions): Predictor => {
  const share = numberBetween('attention.skip', skip, 0, 0, 1 - Number.EPSILON);
  if (share === 0) return predictor;
  return {
    ...predictor,
    needs: { ...predictor.needs, skipBelow: -Math.log(share) },
    signature: `${predictor.signature} skip=${share}`,
    reads: `${readsOf(predictor)} skip=${share}`,
  };
};
