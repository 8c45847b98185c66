import { aShape } from './a-shape.js';
import type { Factory, RareMethod } from './attention-options.js';
import { delta } from './delta.js';
import { flexPrefill } from './flex-prefill.js';
import { hyperAttention } from './hyper-attention.js';
import { landmark } from './landmark.js';
import { lazy } from './lazy.js';
import { longHeads } from './long-heads.js';
import { neighborhood } from './neighborhood.js';
import { oracle } from './oracle.js';
import { power } from './power.js';
import { proxyAttn } from './proxy-attn.js';
import { quest } from './quest.js';
import { random } from './random.js';
import { recycled } from './recycled.js';
import { retrieval } from './retrieval.js';
import { sale } from './sale.js';
import { sea } from './sea.js';
import { seer } from './seer.js';
import { tokenSelect } from './token-select.js';
import { twilight } from './twilight.js';
import { verticalSlash } from './vertical-slash.js';
import { xAttention } from './x-attention.js';

export { learnedDhsa } from './learned-boundaries.js';

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
  'x-attention': xAttention,
  seer,
  sea,
  'hyper-attention': hyperAttention,
  'long-heads': longHeads,
  quest,
  twilight,
  'token-select': tokenSelect,
  landmark,
  retrieval,
  recycled,
  delta,
  lazy,
};
