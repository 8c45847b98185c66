import { aShape } from './a-shape.js';
import type { Factory, RareMethod } from './attention-options.js';
import { neighborhood } from './neighborhood.js';
import { oracle } from './oracle.js';
import { power } from './power.js';
import { quest } from './quest.js';
import { random } from './random.js';

/** The methods by name that are fetched where they are asked for. */
export const rarer: { readonly [M in RareMethod]: Factory<M> } = {
  'a-shape': aShape,
  power,
  neighborhood,
  oracle,
  random,
  quest,
};
