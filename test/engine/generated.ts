import { type OpenModel, openModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';

/** A generated file, opened in this thread, with pages kept in memory where `options` does not say otherwise. */
export const openGenerated = (
  bytes: Uint8Array<ArrayBuffer>,
  attention: AttentionOptions,
  options: EngineOptions = {},
): Promise<OpenModel> =>
  openModel(
    bytes,
    { kernelsUrl, attention, kv: { store: 'memory' }, ...options },
    new AbortController().signal,
    () => undefined,
  );

/** Token ids for it. */
export const idsOf = (count: number, seed = 1): number[] => {
  const { below } = random(seed);
  return Array.from({ length: count }, () => below(256));
};
