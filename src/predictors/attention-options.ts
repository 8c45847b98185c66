import type { AShapeOptions } from './a-shape.js';
import type { AutoOptions } from './auto.js';
import type { BlocksOptions } from './blocks.js';
import type { DeltaOptions } from './delta.js';
import type { DenseOptions } from './dense.js';
import type { DhsaOptions } from './dhsa-options.js';
import type { FlexPrefillOptions } from './flex-prefill.js';
import type { HyperAttentionOptions } from './hyper-attention.js';
import type { LandmarkOptions } from './landmark.js';
import type { LazyOptions } from './lazy.js';
import type { LongHeadsOptions } from './long-heads.js';
import type { NeighborhoodOptions } from './neighborhood.js';
import type { OracleOptions } from './oracle.js';
import type { PowerOptions } from './power.js';
import type { Predictor } from './predictor.js';
import type { ProxyAttnOptions } from './proxy-attn.js';
import type { QuestOptions } from './quest.js';
import type { RandomOptions } from './random.js';
import type { RecycledOptions } from './recycled.js';
import type { RetrievalOptions } from './retrieval.js';
import type { SaleOptions } from './sale.js';
import type { SeaOptions } from './sea.js';
import type { SeerOptions } from './seer.js';
import type { SkipOptions } from './skipping.js';
import type { SlidingOptions } from './sliding.js';
import type { TokenSelectOptions } from './token-select.js';
import type { TwilightOptions } from './twilight.js';
import type { VerticalSlashOptions } from './vertical-slash.js';
import type { XAttentionOptions } from './x-attention.js';

/** What attention reads. Plain data. */
export type AttentionOptions = SkipOptions &
  (
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
    | VerticalSlashOptions
    | FlexPrefillOptions
    | ProxyAttnOptions
    | SaleOptions
    | XAttentionOptions
    | SeerOptions
    | SeaOptions
    | HyperAttentionOptions
    | LongHeadsOptions
    | QuestOptions
    | TwilightOptions
    | TokenSelectOptions
    | LandmarkOptions
    | RetrievalOptions
    | RecycledOptions
    | DeltaOptions
    | LazyOptions
  );

export type Method = AttentionOptions['method'];

/** Makes the predictor that options name, with every default filled in; some read a file first. */
export type Factory<M extends Method> = (
  options: Extract<AttentionOptions, { method: M }>,
) => Predictor | Promise<Predictor>;

/** Methods that `predictors.js`, a script of its own, brings (rarer.ts). */
export type RareMethod = Exclude<Method, 'auto' | 'dense' | 'dhsa' | 'blocks' | 'sliding'>;
export const rareMethods = [
  'a-shape',
  'power',
  'neighborhood',
  'oracle',
  'random',
  'vertical-slash',
  'flex-prefill',
  'proxy-attn',
  'sale',
  'x-attention',
  'seer',
  'sea',
  'hyper-attention',
  'long-heads',
  'quest',
  'twilight',
  'token-select',
  'landmark',
  'retrieval',
  'recycled',
  'delta',
  'lazy',
] as const satisfies readonly RareMethod[];
