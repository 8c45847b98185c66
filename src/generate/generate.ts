import { throwIfAborted } from '../errors.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Constraint } from './constraint.js';
import type { Context } from './context.js';
import { type GrammarOptions, grammarOption } from './grammar/options.js';
import { loadConstraint } from './load-constraint.js';
import { logProbabilities, type TokenLogprobs } from './log-probabilities.js';
import type { AppendHooks } from './reader.js';
import { createSampler, type SampleOptions } from './sample.js';

export interface GenerateSettings extends SampleOptions, GrammarOptions {
  /** Most tokens to generate. Default 256; an answer also ends where the context is full. */
  readonly maxTokens?: number;
  /** Go on after the model's own end-of-answer tokens. Default false. */
  readonly ignoreStops?: boolean;
  /** Tell the log-probability of every token, and of this many likeliest ones in its place. Default: none is told. */
  readonly logprobs?: number;
}

export interface TokenHooks extends AppendHooks {
  /** Called with every token; `false` ends the answer. */
  readonly onToken?: (id: number) => boolean;
  /** Default: the one that the options ask for, from the first token on. */
  readonly constraint?: Constraint | undefined;
}

/** Why an answer ended. */
export type FinishReason = 'stop' | 'length' | 'window';

/** Generated tokens. */
export interface Generated {
  readonly ids: number[];
  readonly reason: FinishReason;
  /** One for each id; empty unless `logprobs` was asked for. */
  readonly logprobs: readonly TokenLogprobs[];
  /** Where a schema, pattern or grammar was asked for: false where it ended inside of what that demands. */
  readonly complete?: boolean;
}

/**
 * Generate from the end of the context, token by token. The tokens become part of the context; the end-of-answer token
 * does not. An abort takes effect within one token and leaves the tokens generated so far.
 */
export const generate = async (
  context: Context,
  maxTokens: number,
  tokenizer: Tokenizer,
  options: GenerateSettings,
  hooks: TokenHooks = {},
): Promise<Generated> => {
  const sample = createSampler(options, context.topShortlist);
  const constraint =
    hooks.constraint ??
    (grammarOption(options) && (await loadConstraint()).createConstraint(tokenizer, options));
  // What is asked of every token, or told of it, needs all of them.
  const top = constraint || options.logprobs !== undefined || !context.topShortlist ? undefined : sample.top;
  const limit = options.maxTokens ?? 256;
  const ids: number[] = [];
  const logprobs: TokenLogprobs[] = [];
  const ended = (reason: FinishReason): Generated => ({
    ids,
    reason,
    logprobs,
    ...(constraint && { complete: constraint.whole }),
  });
  while (ids.length < limit) {
    const left = await (top ? context.top(top, hooks) : context.logits(hooks).then((all) => ({ all })));
    throwIfAborted(hooks.signal);
    const id =
      'top' in left ? top!.choose(left.top) : sample(constraint?.mask(left.all) ?? left.all, context.tokens);
    if (!options.ignoreStops && tokenizer.stops.has(id)) return ended('stop');
    if (context.tokens.length >= maxTokens) return ended('window');
    if (options.logprobs !== undefined && 'all' in left) {
      logprobs.push(logProbabilities(left.all, id, options.logprobs, tokenizer.textOf));
    }
    constraint?.push(id);
    context.push(id);
    ids.push(id);
    if (hooks.onToken?.(id) === false || constraint?.ended) return ended('stop');
  }
  return ended('length');
};
