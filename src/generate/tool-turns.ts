import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ToldCalls, Tool, ToolResult } from '../text/tool.js';
import { toolTemplateOf } from '../text/tool-template.js';
import type { AdjustOptions } from './adjust.js';
import { checkResults, checkTold } from './check-tools.js';
import type { OpenQuestion } from './question.js';

/** What stands in front of everything in a conversation with tools. */
export const toolOpening = (
  template: ChatTemplate,
  system: string | undefined,
  tools: readonly Tool[],
): TemplatePiece[] => toolTemplateOf(template).opening(system, tools);

const refused = (why: string): LonghandError =>
  new LonghandError('input/option', why, { option: 'question' });

/** Asking with results; `openCalls` of the last answer wait for one. */
export const openResults = (
  template: ChatTemplate,
  openCalls: number,
  results: readonly ToolResult[],
  reasoning: boolean,
): OpenQuestion => {
  checkResults(results);
  if (results.length !== openCalls || openCalls === 0) {
    const open = openCalls === 0 ? 'no call is' : `${openCalls} calls are`;
    throw refused(
      `There are ${results.length} results, but ${open} waiting for one. Give one for each call of an answer that was asked ` +
        'for with `continue`, in their order.',
    );
  }
  const written = toolTemplateOf(template);
  return {
    from: 'user',
    asked: [],
    closing: written.results(results, reasoning ? 'thoughts' : 'answer'),
    past: () => written.results(results, 'past'),
  };
};

/** An answer as an earlier turn tells it. */
export const toldCalls = (template: ChatTemplate, told: ToldCalls): TemplatePiece[] => {
  checkTold(told);
  const { text = '', calls } = told;
  if (calls.length === 0) return text === '' ? [] : [{ text, control: false }];
  const written = toolTemplateOf(template);
  if (calls.length > 1 && written.form.joint === undefined)
    throw new LonghandError(
      'model/template',
      "The model's chat template knows one call at a time. Tell one call and its result after the other.",
      { reason: 'calls' },
    );
  return written.calls(told);
};

/** No call may be begun: where a token of its own begins one, it is banned. */
export const withoutCalls = <T extends AdjustOptions>(
  options: T,
  template: ChatTemplate,
  tokenizer: Tokenizer,
): T => {
  const { open } = toolTemplateOf(template).form.style;
  const [id, ...more] = tokenizer.encodeTemplate(open);
  if (!tokenizer.namesToken(open) || id === undefined || more.length > 0) return options;
  return { ...options, logitBias: { ...options.logitBias, [id]: Number.NEGATIVE_INFINITY } };
};
