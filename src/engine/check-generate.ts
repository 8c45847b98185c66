import { LonghandError } from '../errors.js';
import type { AskSettings } from '../generate/ask-settings.js';
import type { GenerateSettings } from '../generate/generate.js';
import { biases, flag, numberBetween, onlyKnown, text, texts, wholeNumber } from '../options.js';
import { checkGrammar, GRAMMARS } from './check-grammar.js';

const SAMPLING = ['temperature', 'topK', 'topP', 'minP', 'seed', 'maxTokens', 'ignoreStops', 'logprobs'];
const PENALTIES = ['repetitionPenalty', 'presencePenalty', 'frequencyPenalty', 'penaltyTokens', 'logitBias'];

/** Refuses sampling options out of range, and biases on tokens that a vocabulary of `vocab` has not. */
export const checkGenerateOptions = (
  options: GenerateSettings,
  vocab: number,
  extra: readonly string[] = [],
): void => {
  onlyKnown('generate', options, [...SAMPLING, ...PENALTIES, ...GRAMMARS, ...extra]);
  numberBetween('temperature', options.temperature, 0, 0, 100);
  wholeNumber('topK', options.topK, 0, 0);
  numberBetween('topP', options.topP, 1, Number.MIN_VALUE, 1);
  numberBetween('minP', options.minP, 0, 0, 1);
  wholeNumber('seed', options.seed, 0, 0, 2 ** 32 - 1);
  wholeNumber('maxTokens', options.maxTokens, 256, 0);
  flag('ignoreStops', options.ignoreStops);
  wholeNumber('logprobs', options.logprobs, 0, 0, 1000);
  numberBetween('repetitionPenalty', options.repetitionPenalty, 1, Number.MIN_VALUE, 100);
  numberBetween('presencePenalty', options.presencePenalty, 0, -100, 100);
  numberBetween('frequencyPenalty', options.frequencyPenalty, 0, -100, 100);
  wholeNumber('penaltyTokens', options.penaltyTokens, 64, 0);
  biases('logitBias', options.logitBias, vocab);
  checkGrammar(options);
};

const ASKING = 'continue stop reasoning begin sources toolChoice parallelCalls'.split(' ');

/** Refuses what an answer cannot be asked with; whoever knows of tools judges what is said of them. */
export const checkAskOptions = (options: AskSettings, vocab: number): void => {
  checkGenerateOptions(options, vocab, ASKING);
  texts('stop', options.stop);
  flag('continue', options.continue);
  if (flag('reasoning', options.reasoning) && text('begin', options.begin))
    throw new LonghandError(
      'input/option',
      'An answer cannot be begun in front of its thoughts. Leave out `begin` or `reasoning`.',
      { option: 'begin' },
    );
  text('begin', options.begin);
  flag('sources', options.sources);
};
