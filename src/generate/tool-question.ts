import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ToldCalls, ToolResult } from '../text/tool.js';
import type { GenerateSettings } from './generate.js';
import type { Turn } from './turn-encoder.js';

/** What may be asked with: a question, or results of the calls of the last answer. */
export type Question = string | readonly ToolResult[];

/** A question, or results of calls, on their way into a context. */
export interface OpenQuestion {
  /** Where the conversation stands for what leads up to it: results stand right behind their calls, as inside a turn. */
  readonly from: Turn;
  readonly asked: readonly TemplatePiece[];
  /** From there to where the answer begins. */
  readonly closing: readonly TemplatePiece[];
  /** All of it up to an answer that was given earlier. */
  past(): readonly TemplatePiece[];
}

const refused = (why: string): LonghandError =>
  new LonghandError('input/option', why, { option: 'question' });

/** Behind an appended text a question stands on a line of its own. */
export const questionPieces = (question: string, from: Turn): TemplatePiece[] =>
  question === '' ? [] : [{ text: from === 'user' ? `\n${question}` : question, control: false }];

/** From a question to an answer that was given earlier. Errors: `model/template` where the template knows one turn. */
export const toldLater = (template: ChatTemplate): TemplatePiece[] => {
  const pieces = template.past();
  if (pieces) return pieces;
  throw new LonghandError(
    'model/template',
    "The model's chat template knows one turn only, so no earlier ones can be told. Ask in one turn.",
    { reason: 'shape' },
  );
};

/** `openCalls`: calls of the last answer, whose results may come. */
export const openQuestion = (
  template: ChatTemplate,
  { turn, openCalls }: { readonly turn: Turn; readonly openCalls: number },
  said: Question,
  reasoning: boolean,
): OpenQuestion => {
  if (typeof said === 'string') {
    const asked = questionPieces(said, turn);
    return {
      from: turn,
      asked,
      closing: template.closing(reasoning),
      past: () => [...asked, ...toldLater(template)],
    };
  }
  if (said.length !== openCalls || openCalls === 0) {
    const open = openCalls === 0 ? 'no call is' : `${openCalls} calls are`;
    throw refused(
      `There are ${said.length} results, but ${open} waiting for one. Give one for each call of an answer that was asked ` +
        'for with `continue`, in their order.',
    );
  }
  return {
    from: 'user',
    asked: [],
    closing: template.tools.results(said, reasoning ? 'thoughts' : 'answer'),
    past: () => template.tools.results(said, 'past'),
  };
};

/** An answer as an earlier turn tells it. */
export const toldPieces = (template: ChatTemplate, told: ToldCalls): readonly TemplatePiece[] => {
  const { text = '', calls } = told;
  if (calls.length === 0) return text === '' ? [] : [{ text, control: false }];
  if (calls.length > 1 && template.tools.form.joint === undefined)
    throw new LonghandError(
      'model/template',
      "The model's chat template knows one call at a time. Tell one call and its result after the other.",
      { reason: 'calls' },
    );
  return template.tools.calls(told);
};

/** No call may be begun: where a token of its own begins one, it is banned. */
export const withoutCalls = <T extends GenerateSettings>(
  options: T,
  template: ChatTemplate,
  tokenizer: Tokenizer,
): T => {
  const { open } = template.tools.form.style;
  const [id, ...more] = tokenizer.encodeTemplate(open);
  if (!tokenizer.namesToken(open) || id === undefined || more.length > 0) return options;
  return { ...options, logitBias: { ...options.logitBias, [id]: Number.NEGATIVE_INFINITY } };
};
