import { aShape } from './a-shape.js';
import type { Factory, RareMethod } from './attention-options.js';
import { flexPrefill } from './flex-prefill.js';
import { neighborhood } from './neighborhood.js';
import { oracle } from './oracle.js';
import { power } from './power.js';
import { proxyAttn } from './proxy-attn.js';
import { quest } from './quest.js';
import { random } from './random.js';
import { sale } from './sale.js';
import { verticalSlash } from './vertical-slash.js';

/** The methods by name that are fetched where they are asked for. */
export const rarer: { readonly [M in RareMethod]: Factory<M> } = {
  'a-shape': aShape,
  power,
  neighborhood,
  oracle,
  random,
  'vertical-slash': verticalSlash,
  'flex-prefill': flexPrefill,
  'proxy-attn': proxyAttn,
  sale,
  quest,
};
