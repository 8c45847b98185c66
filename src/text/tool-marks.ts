/** Marks in and around calls; at most seven. */
export const CALL_MARKS: readonly string[] = [
  ...[
    '[TOOL_CALLS]',
    '<|tool_call|>',
    '<|/tool_call|>',
    '<tool_call>',
    '</tool_call>',
    '[ARGS]',
    '[CALL_ID]',
  ],
];

/** Names of tokens that stand around tools, calls and results: a text that spells one is text. */
export const TOOL_MARKS: readonly string[] = [
  ...CALL_MARKS,
  ...['<|python_tag|>', '<tool_response>', '</tool_response>', '<tools>', '</tools>'],
  ...['<|tool|>', '<|/tool|>', '<|tool_response|>', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]'],
  ...['[TOOL_RESULTS]', '[/TOOL_RESULTS]', '[TOOL_CONTENT]'],
];
