import type { EngineOptions } from '../../src/engine/options.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import type { AttentionOptions } from '../../src/predictors/index.js';

/** What a method may read of a text of a nominal length: `budget` where it chooses, `window` where it does not. */
interface Share {
  readonly length: number;
  readonly budget: { readonly budget: number } | { readonly density: number };
  readonly window: number;
}

/** Short texts get a budget in tokens, long ones a share of the causal triangle. */
const shareOf = (length: number, density: number): Share =>
  length <= 2048
    ? { length, budget: { budget: 256 }, window: 256 }
    : { length, budget: { density }, window: length * density };
const EIGHTH = 0.125;
/** Behind the name of what takes a share of a long text: a quarter of it, not an eighth. */
export const QUARTER = '-25';
/** The name without it. */
export const baseOf = (name: string): string =>
  name.endsWith(QUARTER) ? name.slice(0, -QUARTER.length) : name;

const GATES = 'examples/models/book-reader-5m-gates.safetensors';
const KERNELS = 'examples/models/book-reader-5m-less.safetensors';

/** What is measured by name, for texts of a nominal length. */
const methods: Readonly<Record<string, (share: Share) => AttentionOptions>> = {
  dense: () => ({ method: 'dense' }),
  sliding: ({ window }) => ({ method: 'sliding', window }),
  'a-shape': ({ window }) => ({ method: 'a-shape', window }),
  power: ({ window }) => ({ method: 'power', window }),
  neighborhood: ({ window }) => ({ method: 'neighborhood', window }),
  oracle: ({ budget }) => ({ method: 'oracle', ...budget }),
  random: ({ budget }) => ({ method: 'random', ...budget }),
  quest: ({ budget }) => ({ method: 'quest', ...budget }),
  'vertical-slash': ({ budget }) => ({ method: 'vertical-slash', ...budget }),
  'vertical-slash-dhsa': ({ budget }) => ({ method: 'vertical-slash', answers: 'dhsa', ...budget }),
  'flex-prefill': ({ budget }) => ({ method: 'flex-prefill', ...budget }),
  'flex-prefill-dhsa': ({ budget }) => ({ method: 'flex-prefill', answers: 'dhsa', ...budget }),
  'proxy-attn': ({ budget }) => ({ method: 'proxy-attn', ...budget }),
  'proxy-attn-dhsa': ({ budget }) => ({ method: 'proxy-attn', answers: 'dhsa', ...budget }),
  'x-attention': ({ budget }) => ({ method: 'x-attention', ...budget }),
  'x-attention-dhsa': ({ budget }) => ({ method: 'x-attention', answers: 'dhsa', ...budget }),
  sale: ({ budget }) => ({ method: 'sale', ...budget }),
  'sale-dhsa': ({ budget }) => ({ method: 'sale', answers: 'dhsa', ...budget }),
  'hyper-attention': ({ budget }) => ({ method: 'hyper-attention', ...budget }),
  'hyper-attention-rest': ({ budget }) => ({ method: 'hyper-attention', rest: 64, ...budget }),
  sea: ({ budget }) => ({ method: 'sea', ...budget }),
  'sea-dhsa': ({ budget }) => ({ method: 'sea', answers: 'dhsa', ...budget }),
  seer: ({ budget }) => ({ method: 'seer', gates: GATES, answers: 'dense', ...budget }),
  'seer-rows': ({ budget }) => ({ method: 'seer', gates: GATES, reading: 'dense', ...budget }),
  'seer-both': ({ budget }) => ({ method: 'seer', gates: GATES, ...budget }),
  landmark: ({ budget }) => ({ method: 'landmark', ...budget }),
  'long-heads': ({ budget }) => ({ method: 'long-heads', ...budget }),
  'long-heads-pooled': ({ budget }) => ({ method: 'long-heads', summaries: 'pooled', ...budget }),
  retrieval: ({ budget }) => ({ method: 'retrieval', ...budget }),
  'quest-dhsa': ({ budget }) => ({ method: 'quest', reading: 'dhsa', ...budget }),
  twilight: () => ({ method: 'twilight' }),
  'twilight-quest': () => ({ method: 'twilight', selector: 'quest' }),
  'token-select': ({ budget }) => ({ method: 'token-select', sinks: 16, local: 64, ...budget }),
  recycled: ({ budget }) => ({ method: 'recycled', ...budget }),
  delta: ({ budget }) => ({ method: 'delta', local: 64, ...budget }),
  lazy: () => ({ method: 'lazy' }),
  'dense-skip': () => ({ method: 'dense', skip: 1e-3 }),
  blocks: ({ budget }) => ({ method: 'blocks', ...budget }),
  dhsa: ({ budget }) => ({ method: 'dhsa', ...budget }),
  'dhsa-oracle': ({ budget }) => ({ method: 'dhsa', candidates: 64, exact: true, ...budget }),
  'dhsa-3': ({ budget }) => ({ method: 'dhsa', candidates: 3, ...budget }),
  'dhsa-reuse-2': ({ budget }) => ({ method: 'dhsa', reuse: 2, ...budget }),
  'dhsa-reuse-4': ({ budget }) => ({ method: 'dhsa', reuse: 4, ...budget }),
  'dhsa-reuse-8': ({ budget }) => ({ method: 'dhsa', reuse: 8, ...budget }),
  'dhsa-refresh-2': ({ budget }) => ({ method: 'dhsa', refresh: 2, ...budget }),
  'dhsa-refresh-4': ({ budget }) => ({ method: 'dhsa', refresh: 4, ...budget }),
  'dhsa-refresh-8': ({ budget }) => ({ method: 'dhsa', refresh: 8, ...budget }),
  'dhsa-refresh-16': ({ budget }) => ({ method: 'dhsa', refresh: 16, ...budget }),
  'dhsa-3-refresh-8': ({ budget }) => ({ method: 'dhsa', candidates: 3, refresh: 8, ...budget }),
  'dhsa-6-refresh-8': ({ budget }) => ({ method: 'dhsa', candidates: 6, refresh: 8, ...budget }),
  'dhsa-learned': ({ budget }) => ({
    ...{ method: 'dhsa', boundaries: 'learned', ...budget },
    predictor: 'examples/models/book-reader-5m-boundaries.safetensors',
  }),
  'dhsa-delimiters': ({ budget }) => ({ method: 'dhsa', boundaries: 'delimiters', ...budget }),
  'dhsa-fixed': ({ budget }) => ({ method: 'dhsa', boundaries: 'fixed', ...budget }),
};

/** What is kept of a text that is read densely, by name. */
const kept: Readonly<Record<string, (share: Share) => RetentionOptions>> = {
  'sinks-window': ({ window }) => ({ policy: 'sinks-window', window }),
  h2o: ({ budget }) => ({ policy: 'h2o', ...budget }),
  'snap-kv': ({ budget }) => ({ policy: 'snap-kv', ...budget }),
  'snap-kv-ada': ({ budget }) => ({ policy: 'snap-kv', heads: 'ada', ...budget }),
  'snap-kv-pyramid': ({ budget }) => ({ policy: 'snap-kv', layers: 'pyramid', ...budget }),
  'snap-kv-values': ({ budget }) => ({ policy: 'snap-kv', values: true, ...budget }),
  'snap-kv-pages': ({ budget }) => ({ policy: 'snap-kv', grain: 64, ...budget }),
  'snap-kv-16': ({ budget }) => ({ policy: 'snap-kv', grain: 16, pool: 31, ...budget }),
  'h2o-16': ({ budget }) => ({ policy: 'h2o', grain: 16, ...budget }),
  'pyramid-infer': () => ({ policy: 'pyramid-infer' }),
  duo: ({ length }) => ({ policy: 'duo', sinks: 16, recent: length <= 2048 ? 64 : 256 }),
  expected: ({ budget }) => ({ policy: 'expected', ...budget }),
  'expected-50': () => ({ policy: 'expected', density: 0.5 }),
  'snap-kv-mean': ({ budget }) => ({ policy: 'snap-kv', evicted: 'mean', ...budget }),
  'h2o-mean': ({ budget }) => ({ policy: 'h2o', evicted: 'mean', ...budget }),
  'snap-kv-less': ({ budget }) => ({ policy: 'snap-kv', evicted: 'less', kernels: KERNELS, ...budget }),
  'h2o-less': ({ budget }) => ({ policy: 'h2o', evicted: 'less', kernels: KERNELS, ...budget }),
  a2sf: ({ budget }) => ({ policy: 'a2sf', ...budget }),
  'a2sf-values': ({ budget }) => ({ policy: 'a2sf', values: true, ...budget }),
  act: () => ({ policy: 'act' }),
  'act-2': () => ({ policy: 'act', threshold: 0.02 }),
};

/** How exactly a text that is read densely is kept, by name. */
const exactly: Readonly<Record<string, NonNullable<EngineOptions['kv']>>> = {
  'pages-f16': { keys: 'f16', values: 'f16' },
  'pages-q8-q4': { keys: 'q8', values: 'q4' },
  'pages-q8-q2': { keys: 'q8', values: 'q2' },
  'pages-q4-q8': { keys: 'q4', values: 'q8' },
  'values-48': { valueChannels: 48 },
  'keys-48': { keyChannels: 48 },
  'keys-32': { keyChannels: 32 },
  'keys-32-pages-q8-q4': { keyChannels: 32, keys: 'q8', values: 'q4' },
};

/**
 * How a model is loaded to measure a method by name: what it reads, or, with `dense`, what it keeps, and how exactly. Throws
 * where there is no such method.
 */
export const optionsOf = (
  name: string,
  length: number,
): Pick<EngineOptions, 'attention' | 'retention' | 'kv'> => {
  const kv = exactly[name];
  if (kv) return { attention: { method: 'dense' }, kv };
  const base = baseOf(name);
  const isQuarter = base !== name;
  const share = shareOf(length, isQuarter ? 2 * EIGHTH : EIGHTH);
  const attention = methods[base]?.(share);
  const retention = kept[base]?.(share);
  const made = attention ?? retention;
  if (!made || (isQuarter && !['budget', 'density', 'window'].some((part) => part in made))) {
    const names = Object.keys({ ...methods, ...kept, ...exactly }).join(', ');
    throw new Error(
      `Unknown method ${name}. Methods: ${names}; those that take an eighth of a text, with ${QUARTER} behind.`,
    );
  }
  return attention ? { attention } : { attention: { method: 'dense' }, retention: retention! };
};
