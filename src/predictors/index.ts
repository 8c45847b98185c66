import { scriptMissing } from '../errors.js';
import { oneOf } from '../options.js';
import { type AttentionOptions, type Factory, type Method, rareMethods } from './attention-options.js';
import { auto } from './auto.js';
import { blocks } from './blocks.js';
import { dense } from './dense.js';
import { dhsa } from './dhsa.js';
import type { DhsaOptions } from './dhsa-options.js';
import { loadRarer } from './load-rarer.js';
import type { Predictor } from './predictor.js';
import { skipping } from './skipping.js';
import { sliding } from './sliding.js';

const openLearned = async (options: DhsaOptions): Promise<Predictor> =>
  (await loadRare()).learnedDhsa(options);

/** The methods by name that are there at once. */
export const common = {
  ...{ auto, dense },
  dhsa: (options: DhsaOptions) => (options.boundaries === 'learned' ? openLearned(options) : dhsa(options)),
  ...{ blocks, sliding },
} as const;

/**
 * The predictor that `options` name. Rejects with `input/option` for what it cannot obey, and with `unsupported/attention`
 * where the script of a rarer method cannot be had.
 */
export const openPredictor = async (options: AttentionOptions): Promise<Predictor> => {
  const methods: readonly Method[] = [...(Object.keys(common) as Method[]), ...rareMethods];
  const method = oneOf('attention.method', (options as Partial<AttentionOptions>).method, 'auto', methods);
  const table = Object.hasOwn(common, method) ? common : (await loadRare()).rarer;
  const { skip, ...own } = options;
  const predictor = await (table as Record<string, Factory<Method>>)[method]!(own);
  return skipping(predictor, { ...(skip !== undefined && { skip }) });
};

const loadRare = async (): ReturnType<typeof loadRarer> => {
  try {
    return await loadRarer();
  } catch (cause) {
    throw scriptMissing(
      'unsupported/attention',
      'predictors.js',
      '; let a service worker keep it too.',
      cause,
    );
  }
};

export type { AttentionOptions } from './attention-options.js';
