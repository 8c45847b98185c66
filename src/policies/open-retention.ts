import type { RetentionOptions } from './index.js';
import { loadPolicies } from './load-policies.js';
import type { Retain } from './policy.js';

/** What a model's contexts keep. */
export interface OpenRetention {
  /** None where everything is kept. */
  readonly retain: Retain | undefined;
  readonly signature: string;
  /** What of it shapes the pages of a text, behind a space; else nothing. */
  readonly bound: string;
}

/** Refuses what cannot be obeyed with `input/option`. Nothing is loaded where everything is kept. */
export const openRetention = async (options: RetentionOptions): Promise<OpenRetention> => {
  const nothing = { retain: undefined, signature: 'keep-all', bound: '' };
  if (options.policy === 'keep-all' && Object.keys(options).length === 1) return nothing;
  const { createPolicy, createRetention } = await loadPolicies();
  const policy = createPolicy(options);
  if (!policy) return nothing;
  const { signature, needs } = policy;
  return {
    retain: { wholeContext: needs.values, open: (parts) => createRetention(policy, parts) },
    signature,
    bound: needs.reading ? ` ${signature}` : '',
  };
};
