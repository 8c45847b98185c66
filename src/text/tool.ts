/** A function that a model may ask for. Plain data: it crosses a worker and is stored with its session. */
export interface Tool {
  /** Letters, digits, `_`, `-` and `.`. */
  readonly name: string;
  /** What it does, and when it is to be asked for. */
  readonly description?: string | undefined;
  /** JSON Schema of the arguments, an object. Default: there are none. */
  readonly parameters?: unknown;
  /**
   * Arguments are of the schema, or the tool is refused with `unsupported/constraint` where it cannot be honoured. With
   * `false` they are a JSON object, of whatever. Default true.
   */
  readonly strict?: boolean | undefined;
}

/** What a model asks for. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What a call has led to. */
export interface ToolResult {
  /** The tool that was called. */
  readonly name: string;
  /** As the model reads it; nothing in it becomes control. */
  readonly content: string;
}

/** An answer that was given elsewhere and made calls. */
export interface ToldCalls {
  /** What was said before them. */
  readonly text?: string | undefined;
  readonly calls: readonly ToolCall[];
}
