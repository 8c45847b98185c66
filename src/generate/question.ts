import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { ToolResult } from '../text/tool.js';
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

/** A question in words. */
export const openQuestion = (
  template: ChatTemplate,
  turn: Turn,
  question: string,
  reasoning: boolean,
): OpenQuestion => {
  const asked = questionPieces(question, turn);
  return {
    from: turn,
    asked,
    closing: template.closing(reasoning),
    past: () => [...asked, ...toldLater(template)],
  };
};
