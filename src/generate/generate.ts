import { throwIfAborted } from '../errors.js';
import type { Context } from './context.js';
import type { AppendHooks } from './reader.js';
import { createSampler, type SampleOptions } from './sample.js';

export interface GenerateSettings extends SampleOptions {
  /** Most tokens to generate. Default 256; an answer also ends where the context is full. */
  readonly maxTokens?: number;
  /** Go on after the model's own end-of-answer tokens. Default false. */
  readonly ignoreStops?: boolean;
}

export interface TokenHooks extends AppendHooks {
  /** Called with every token; `false` ends the answer. */
  readonly onToken?: (id: number) => boolean;
}

/** Why an answer ended. */
export type FinishReason = 'stop' | 'length' | 'window';

/**
 * Generate from the end of the context, token by token. The tokens become part of the context; the end-of-answer token
 * does not. An abort takes effect within one token and leaves the tokens generated so far.
 */
export const generate = async (
  context: Context,
  maxTokens: number,
  stops: ReadonlySet<number>,
  options: GenerateSettings,
  hooks: TokenHooks = {},
): Promise<{ ids: number[]; reason: FinishReason }> => {
  const sample = createSampler(options);
  const limit = options.maxTokens ?? 256;
  const ids: number[] = [];
  while (ids.length < limit) {
    const logits = await context.logits(hooks);
    throwIfAborted(hooks.signal);
    const id = sample(logits);
    if (!options.ignoreStops && stops.has(id)) return { ids, reason: 'stop' };
    if (context.tokens.length >= maxTokens) return { ids, reason: 'window' };
    context.push(id);
    ids.push(id);
    if (hooks.onToken?.(id) === false) return { ids, reason: 'stop' };
  }
  return { ids, reason: 'length' };
};
