import type { RetentionOptions } from './index.js';
import { loadPolicies } from './load-policies.js';
import type { Measure, Retain } from './policy.js';

/** What a model's contexts keep. */
export interface OpenRetention {
  /** None where everything is kept. */
  readonly retain: Retain | undefined;
  readonly signature: string;
  /** What of it shapes the pages of a text, behind a space; else nothing. */
  readonly bound: string;
}

const NOTHING: OpenRetention = { retain: undefined, signature: 'keep-all', bound: '' };

/**
 * Refuses what cannot be obeyed with `input/option`. Nothing is loaded where everything is kept. What it resolves to asks the
 * model, where the policy must know what its heads do.
 */
export const openRetention = async (
  options: RetentionOptions,
): Promise<(measure: Measure) => Promise<OpenRetention>> => {
  if (options.policy === 'keep-all' && Object.keys(options).length === 1) return async () => NOTHING;
  const { createRetention, openPolicy } = await loadPolicies();
  const found = await openPolicy(options);
  if (!found) return async () => NOTHING;
  return async (measure) => {
    const policy = (await found.measured?.(measure)) ?? found;
    const { signature, needs } = policy;
    return {
      retain: {
        wholeContext: needs.values || needs.expects !== undefined || needs.amends !== undefined,
        open: (parts) => createRetention(policy, parts),
      },
      signature,
      bound: needs.reading ? ` ${signature}` : '',
    };
  };
};
