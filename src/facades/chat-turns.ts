import type { Tool, ToolCall, ToolResult } from '../index.js';

/** What an answer said and called. */
export interface Answered {
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

/** A question, or results of calls, and the answer that was given. */
export interface Turn {
  readonly question: string | readonly ToolResult[];
  readonly answer: Answered;
}

/** A chat as a session takes it: a system text, tools, earlier turns, and what is to be answered. */
export interface Chat {
  readonly system: string | undefined;
  readonly tools: readonly Tool[];
  readonly turns: readonly Turn[];
  readonly question: string | readonly ToolResult[];
}
