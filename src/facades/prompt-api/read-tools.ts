import type { Tool } from '../../index.js';
import type { RunTool } from '../run-calls.js';
import type { PromptTool } from './protocol.js';

/** Tools of a session, and what they do. */
export interface Callable {
  readonly tools: readonly Tool[];
  readonly run: RunTool;
}

/** Why tools cannot be had, in words. Errors: `TypeError` for what is no tool. */
export const refusalOfTools = (given: readonly PromptTool[]): string | undefined => {
  for (const tool of given) {
    if (typeof tool !== 'object' || tool === null || typeof tool.name !== 'string')
      throw new TypeError('A tool must be an object with a name.');
    if (tool.execute === undefined)
      return `the tool '${tool.name}' has no \`execute\`, and calls are not handed out here`;
    if (typeof tool.execute !== 'function')
      throw new TypeError(`\`execute\` of the tool '${tool.name}' must be a function.`);
  }
  return undefined;
};

/** Undefined where there are none. */
export const readTools = (given: readonly PromptTool[]): Callable | undefined => {
  if (given.length === 0) return undefined;
  const executes = new Map(given.map((tool) => [tool.name, tool] as const));
  return {
    tools: given.map(({ name, description, inputSchema }) => ({
      name,
      ...(description !== undefined && { description: String(description) }),
      ...(inputSchema !== undefined && { parameters: inputSchema }),
    })),
    run: (call) => executes.get(call.name)!.execute(call.arguments),
  };
};
