import { oneOf } from '../options.js';
import { type AShapeOptions, aShape } from './a-shape.js';
import { type AutoOptions, auto } from './auto.js';
import { type BlocksOptions, blocks } from './blocks.js';
import { type DenseOptions, dense } from './dense.js';
import { type DhsaOptions, dhsa } from './dhsa.js';
import { type NeighborhoodOptions, neighborhood } from './neighborhood.js';
import { type OracleOptions, oracle } from './oracle.js';
import { type PowerOptions, power } from './power.js';
import type { Predictor } from './predictor.js';
import { type QuestOptions, quest } from './quest.js';
import { type RandomOptions, random } from './random.js';
import { type SlidingOptions, sliding } from './sliding.js';

/** What attention reads. Plain data. */
export type AttentionOptions =
  | AutoOptions
  | DenseOptions
  | DhsaOptions
  | BlocksOptions
  | SlidingOptions
  | AShapeOptions
  | PowerOptions
  | NeighborhoodOptions
  | OracleOptions
  | RandomOptions
  | QuestOptions;

type Factory<Method extends AttentionOptions['method']> = (
  options: Extract<AttentionOptions, { method: Method }>,
) => Predictor;

/** The methods by name. */
export const predictors: { readonly [Method in AttentionOptions['method']]: Factory<Method> } = {
  auto,
  dense,
  dhsa,
  blocks,
  sliding,
  'a-shape': aShape,
  power,
  neighborhood,
  oracle,
  random,
  quest,
};

/** The predictor that `options` name, with every default filled in. Refuses what it cannot obey with `input/option`. */
export const createPredictor = (options: AttentionOptions): Predictor => {
  const methods = Object.keys(predictors) as AttentionOptions['method'][];
  const method = oneOf('attention.method', (options as Partial<AttentionOptions>).method, 'auto', methods);
  const factory = predictors[method] as (options: AttentionOptions) => Predictor;
  return factory(options);
};
