import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { Tool } from '../text/tool.js';
import { loadConstraint } from './load-constraint.js';

/** Refuses tools that are not what they must be. Errors: `unsupported/constraint` where nobody is there to judge them. */
export const checkTools = async (tools: readonly Tool[] | undefined): Promise<void> => {
  const areNone = tools === undefined || (Array.isArray(tools) && tools.length === 0);
  if (!areNone) (await loadConstraint()).checkTools(tools);
};

/** What stands in front of everything in a conversation. Errors: those of `opening`; with tools as `checkTools`. */
export const openingOf = async (
  template: ChatTemplate,
  system: string | undefined,
  tools: readonly Tool[] = [],
): Promise<readonly TemplatePiece[]> =>
  tools.length === 0
    ? template.opening(system)
    : (await loadConstraint()).toolOpening(template, system, tools);
