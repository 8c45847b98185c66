import type { EngineOptions } from '../../src/engine/options.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import type { AttentionOptions } from '../../src/predictors/index.js';

/** Short texts get a budget in tokens, long ones a share of the causal triangle. */
const budget = (length: number, density = 0.125) => (length <= 2048 ? { budget: 256 } : { density });
const window = (length: number): number => (length <= 2048 ? 256 : length / 8);

const GATES = 'examples/models/book-reader-5m-gates.safetensors';

/** What is measured by name, for texts of a nominal length. */
const methods: Readonly<Record<string, (length: number) => AttentionOptions>> = {
  dense: () => ({ method: 'dense' }),
  sliding: (length) => ({ method: 'sliding', window: window(length) }),
  'a-shape': (length) => ({ method: 'a-shape', window: window(length) }),
  power: (length) => ({ method: 'power', window: window(length) }),
  neighborhood: (length) => ({ method: 'neighborhood', window: window(length) }),
  oracle: (length) => ({ method: 'oracle', ...budget(length) }),
  random: (length) => ({ method: 'random', ...budget(length) }),
  quest: (length) => ({ method: 'quest', ...budget(length) }),
  'vertical-slash': (length) => ({ method: 'vertical-slash', ...budget(length) }),
  'vertical-slash-dhsa': (length) => ({ method: 'vertical-slash', answers: 'dhsa', ...budget(length) }),
  'flex-prefill': (length) => ({ method: 'flex-prefill', ...budget(length) }),
  'flex-prefill-dhsa': (length) => ({ method: 'flex-prefill', answers: 'dhsa', ...budget(length) }),
  'proxy-attn': (length) => ({ method: 'proxy-attn', ...budget(length) }),
  'proxy-attn-dhsa': (length) => ({ method: 'proxy-attn', answers: 'dhsa', ...budget(length) }),
  'x-attention': (length) => ({ method: 'x-attention', ...budget(length) }),
  'x-attention-dhsa': (length) => ({ method: 'x-attention', answers: 'dhsa', ...budget(length) }),
  sale: (length) => ({ method: 'sale', ...budget(length) }),
  'sale-dhsa': (length) => ({ method: 'sale', answers: 'dhsa', ...budget(length) }),
  'hyper-attention': (length) => ({ method: 'hyper-attention', ...budget(length) }),
  'hyper-attention-rest': (length) => ({ method: 'hyper-attention', rest: 64, ...budget(length) }),
  sea: (length) => ({ method: 'sea', ...budget(length) }),
  'sea-dhsa': (length) => ({ method: 'sea', answers: 'dhsa', ...budget(length) }),
  seer: (length) => ({ method: 'seer', gates: GATES, answers: 'dense', ...budget(length) }),
  'seer-rows': (length) => ({ method: 'seer', gates: GATES, reading: 'dense', ...budget(length) }),
  'seer-both': (length) => ({ method: 'seer', gates: GATES, ...budget(length) }),
  landmark: (length) => ({ method: 'landmark', ...budget(length) }),
  'long-heads': (length) => ({ method: 'long-heads', ...budget(length) }),
  'long-heads-pooled': (length) => ({ method: 'long-heads', summaries: 'pooled', ...budget(length) }),
  retrieval: (length) => ({ method: 'retrieval', ...budget(length) }),
  'quest-dhsa': (length) => ({ method: 'quest', reading: 'dhsa', ...budget(length) }),
  twilight: () => ({ method: 'twilight' }),
  'twilight-quest': () => ({ method: 'twilight', selector: 'quest' }),
  'token-select': (length) => ({ method: 'token-select', sinks: 16, local: 64, ...budget(length) }),
  recycled: (length) => ({ method: 'recycled', ...budget(length) }),
  delta: (length) => ({ method: 'delta', local: 64, ...budget(length) }),
  lazy: () => ({ method: 'lazy' }),
  'dense-skip': () => ({ method: 'dense', skip: 1e-3 }),
  blocks: (length) => ({ method: 'blocks', ...budget(length) }),
  dhsa: (length) => ({ method: 'dhsa', ...budget(length) }),
  'dhsa-25': (length) => ({ method: 'dhsa', ...budget(length, 0.25) }),
  'dhsa-oracle': (length) => ({ method: 'dhsa', candidates: 64, exact: true, ...budget(length) }),
  'dhsa-3': (length) => ({ method: 'dhsa', candidates: 3, ...budget(length) }),
  'dhsa-reuse-2': (length) => ({ method: 'dhsa', reuse: 2, ...budget(length) }),
  'dhsa-reuse-4': (length) => ({ method: 'dhsa', reuse: 4, ...budget(length) }),
  'dhsa-reuse-8': (length) => ({ method: 'dhsa', reuse: 8, ...budget(length) }),
  'dhsa-refresh-2': (length) => ({ method: 'dhsa', refresh: 2, ...budget(length) }),
  'dhsa-refresh-4': (length) => ({ method: 'dhsa', refresh: 4, ...budget(length) }),
  'dhsa-refresh-8': (length) => ({ method: 'dhsa', refresh: 8, ...budget(length) }),
  'dhsa-refresh-16': (length) => ({ method: 'dhsa', refresh: 16, ...budget(length) }),
  'dhsa-3-refresh-8': (length) => ({ method: 'dhsa', candidates: 3, refresh: 8, ...budget(length) }),
  'dhsa-6-refresh-8': (length) => ({ method: 'dhsa', candidates: 6, refresh: 8, ...budget(length) }),
  'dhsa-learned': (length) => ({
    ...{ method: 'dhsa', boundaries: 'learned', ...budget(length) },
    predictor: 'examples/models/book-reader-5m-boundaries.safetensors',
  }),
  'dhsa-delimiters': (length) => ({ method: 'dhsa', boundaries: 'delimiters', ...budget(length) }),
  'dhsa-fixed': (length) => ({ method: 'dhsa', boundaries: 'fixed', ...budget(length) }),
};

export const attentionOf = (method: string, length: number): AttentionOptions => {
  const known = methods[method];
  if (!known)
    throw new Error(
      `Unknown method ${method}. Methods: ${Object.keys({ ...methods, ...kept, ...exactly }).join(', ')}.`,
    );
  return known(length);
};

/** What is kept of a text that is read densely, by name. */
const kept: Readonly<Record<string, (length: number) => RetentionOptions>> = {
  'sinks-window': (length) => ({ policy: 'sinks-window', window: window(length) }),
  h2o: (length) => ({ policy: 'h2o', ...budget(length) }),
  'snap-kv': (length) => ({ policy: 'snap-kv', ...budget(length) }),
  'snap-kv-ada': (length) => ({ policy: 'snap-kv', heads: 'ada', ...budget(length) }),
  'snap-kv-pyramid': (length) => ({ policy: 'snap-kv', layers: 'pyramid', ...budget(length) }),
  'snap-kv-pages': (length) => ({ policy: 'snap-kv', grain: 64, ...budget(length) }),
  'snap-kv-16': (length) => ({ policy: 'snap-kv', grain: 16, pool: 31, ...budget(length) }),
  'h2o-16': (length) => ({ policy: 'h2o', grain: 16, ...budget(length) }),
  'pyramid-infer': () => ({ policy: 'pyramid-infer' }),
  duo: (length) => ({ policy: 'duo', sinks: 16, recent: length <= 2048 ? 64 : 256 }),
  expected: (length) => ({ policy: 'expected', ...budget(length) }),
  'expected-50': () => ({ policy: 'expected', density: 0.5 }),
  'snap-kv-mean': (length) => ({ policy: 'snap-kv', evicted: 'mean', ...budget(length) }),
  'h2o-mean': (length) => ({ policy: 'h2o', evicted: 'mean', ...budget(length) }),
  a2sf: (length) => ({ policy: 'a2sf', ...budget(length) }),
  'a2sf-values': (length) => ({ policy: 'a2sf', values: true, ...budget(length) }),
};

/** How exactly a text that is read densely is kept, by name. */
const exactly: Readonly<Record<string, NonNullable<EngineOptions['kv']>>> = {
  'pages-f16': { keys: 'f16', values: 'f16' },
  'pages-q8-q4': { keys: 'q8', values: 'q4' },
  'pages-q4': { keys: 'q4', values: 'q4' },
  'values-48': { valueChannels: 48 },
};

/** How a model is loaded to measure a method: what it reads, or, with `dense`, what it keeps, and how exactly. */
export const optionsOf = (
  method: string,
  length: number,
): Pick<EngineOptions, 'attention' | 'retention' | 'kv'> => {
  const kv = exactly[method];
  if (kv) return { attention: { method: 'dense' }, kv };
  const retention = kept[method]?.(length);
  return retention
    ? { attention: { method: 'dense' }, retention }
    : { attention: attentionOf(method, length) };
};
