/** What a model writes around the thoughts it thinks aloud before it answers. */
export interface ReasoningMarks {
  readonly open: string;
  readonly close: string;
}

/** Qwen3, SmolLM3, DeepSeek-R1 and its distillations; Magistral and other Mistral models. */
const KNOWN: readonly ReasoningMarks[] = [
  { open: '<think>', close: '</think>' },
  { open: '[THINK]', close: '[/THINK]' },
];

/** The marks that a template speaks of, or that a vocabulary has as tokens; undefined where a model knows none. */
export const findMarks = (template: string, isToken: (name: string) => boolean): ReasoningMarks | undefined =>
  KNOWN.find(
    ({ open, close }) =>
      template.includes(open) || template.includes(close) || (isToken(open) && isToken(close)),
  );

/** Whether reasoning has begun and not ended where a text ends. */
export const leavesOpen = ({ open, close }: ReasoningMarks, text: string): boolean =>
  text.lastIndexOf(open) > text.lastIndexOf(close);
