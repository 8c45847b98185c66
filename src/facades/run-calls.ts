import type { ToolCall, ToolResult } from '../index.js';

/** Does what a call asks for. The result is what the model reads of it; nothing in it becomes control. */
export type RunTool = (call: ToolCall, signal: AbortSignal) => string | Promise<string>;

/** The results of calls, in their order. What one throws is its result, unless all of it was stopped. */
export const runCalls = (
  calls: readonly ToolCall[],
  run: RunTool,
  signal: AbortSignal,
): Promise<ToolResult[]> =>
  Promise.all(
    calls.map(async (call) => {
      try {
        return { name: call.name, content: String(await run(call, signal)) };
      } catch (error) {
        if (signal.aborted) throw error;
        return { name: call.name, content: `Failed: ${error instanceof Error ? error.message : error}` };
      }
    }),
  );
