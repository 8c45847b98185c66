import type { Reader } from '../generate/reader.js';
import { onlyKnown } from '../options.js';
import type { RetentionOptions } from '../policies/index.js';
import { loadPolicies } from '../policies/load-policies.js';
import { openRetention } from '../policies/open-retention.js';
import type { Measure } from '../policies/policy.js';
import type { ContextOptions } from './session-options.js';

/** What a context keeps: as its model was loaded, or otherwise. */
export type Keeps = Pick<Reader, 'retain'>;

export const checkContextOptions = (options: ContextOptions): void =>
  onlyKnown('context', options, ['retention']);

/** Resolves to what `options` keep. */
export type SessionRetention = (options: RetentionOptions) => Promise<Keeps>;

/**
 * Refuses with `input/option` what shapes the pages of a text: those are shared by all sessions of a model, so that only
 * `load` may say it. `bound`: whether the model's own retention does.
 */
export const createSessionRetention =
  (bound: boolean, measure: Measure): SessionRetention =>
  async (options) => {
    const open = await openRetention(options);
    const found = await open(measure);
    if (!bound && found.bound === '') return { retain: found.retain };
    throw (await loadPolicies()).notOfOneSession(options.policy, bound);
  };
