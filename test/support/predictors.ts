import { oneOf } from '../../src/options.js';
import type { AttentionOptions, Method } from '../../src/predictors/attention-options.js';
import { common } from '../../src/predictors/index.js';
import type { Predictor } from '../../src/predictors/predictor.js';
import { rarer } from '../../src/predictors/rarer.js';

/** Every method by name. */
export const predictors = { ...common, ...rarer };

/** `openPredictor` for the methods that read no file: at once. */
export const createPredictor = (options: AttentionOptions): Predictor => {
  const methods = Object.keys(predictors) as Method[];
  const method = oneOf('attention.method', (options as Partial<AttentionOptions>).method, 'auto', methods);
  const made = (predictors[method] as (options: AttentionOptions) => Predictor | Promise<Predictor>)(options);
  if (made instanceof Promise) throw new Error(`${method} reads a file.`);
  return made;
};
