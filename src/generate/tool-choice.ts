import { LonghandError } from '../errors.js';
import type { CallStyle } from '../text/call-form.js';
import type { ChatTemplate } from '../text/chat-template.js';
import type { Tool } from '../text/tool.js';
import { toolTemplateOf } from '../text/tool-template.js';
import { checkToolSettings } from './check-tools.js';
import { type GrammarOptions, grammarOption } from './grammar/options.js';
import type { ToolSettings } from './tool-settings.js';

/** What calls an answer may make. */
export interface CallRules {
  readonly tools: readonly Tool[];
  readonly style: CallStyle;
  /** The answer is a call, and nothing else. */
  readonly forced: boolean;
  readonly several: boolean;
}

const refused = (why: string, option: string): LonghandError =>
  new LonghandError('input/option', `The option ${option} cannot be honoured: ${why}`, { option });

/** The rules that the options ask for; undefined where nothing may be called. */
export const callRules = (
  tools: readonly Tool[],
  template: ChatTemplate,
  options: ToolSettings & GrammarOptions & { readonly begin?: string },
): CallRules | undefined => {
  checkToolSettings(options);
  const other = grammarOption(options) ?? (options.begin ? 'begin' : undefined);
  const { toolChoice = tools.length === 0 || other ? 'none' : 'auto', parallelCalls = true } = options;
  if (toolChoice === 'none') return undefined;
  if (tools.length === 0) throw refused('the session has no tools. Open it with `tools`.', 'toolChoice');
  if (other) throw refused('where tools may be called it has no place. Leave one of them out.', other);
  const named = typeof toolChoice === 'string' ? tools : tools.filter(({ name }) => name === toolChoice.name);
  if (named.length === 0)
    throw refused(
      `the session has no tool of that name, only ${tools.map(({ name }) => name).join(', ')}.`,
      'toolChoice',
    );
  const { style, joint } = toolTemplateOf(template).form;
  return {
    tools: named,
    style,
    forced: toolChoice !== 'auto',
    several: parallelCalls && joint !== undefined,
  };
};
