/** What crosses, in the shapes of the AI SDK's language models, specification v3 and v4; of optional parts those used here. */

export interface PromptPart {
  readonly type: string;
  readonly text?: string;
  readonly toolCallId?: string;
  readonly toolName?: string;
  readonly input?: unknown;
  readonly output?: { readonly type: string; readonly value?: unknown; readonly reason?: string };
}

export interface PromptMessage {
  readonly role: string;
  readonly content: string | readonly PromptPart[];
}

export interface FunctionTool {
  readonly type: string;
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: unknown;
  readonly strict?: boolean;
}

/** What a call asks for. Headers mean nothing here. */
export interface CallOptions {
  readonly prompt: readonly PromptMessage[];
  /** Default 1024. */
  readonly maxOutputTokens?: number;
  /** Default 0: the most likely answer. */
  readonly temperature?: number;
  readonly stopSequences?: readonly string[];
  readonly topP?: number;
  readonly topK?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly responseFormat?:
    | { readonly type: 'text' }
    | {
        readonly type: 'json';
        readonly schema?: unknown;
        readonly name?: string;
        readonly description?: string;
      };
  readonly tools?: readonly FunctionTool[];
  readonly toolChoice?: { readonly type: string; readonly toolName?: string };
  readonly abortSignal?: AbortSignal;
  /** Specification v4: anything but `none` and `provider-default` lets a model that can think aloud do so. */
  readonly reasoning?: string;
  /** Of `longhand`: `reasoning` and `parallelCalls`, true or false. */
  readonly providerOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export type Warning =
  | { readonly type: 'unsupported'; readonly feature: string; readonly details?: string }
  | { readonly type: 'compatibility'; readonly feature: string; readonly details?: string }
  | { readonly type: 'other'; readonly message: string };

export interface Usage {
  readonly inputTokens: {
    readonly total: number;
    readonly noCache: number;
    /** Tokens that were not read for this answer: an open session had them, or the store. */
    readonly cacheRead: number;
    readonly cacheWrite: undefined;
  };
  readonly outputTokens: { readonly total: number; readonly text: number; readonly reasoning: number };
}

export interface FinishReason {
  readonly unified: 'stop' | 'length' | 'tool-calls';
  readonly raw: string;
}

export interface ToolCallContent {
  readonly type: 'tool-call';
  readonly toolCallId: string;
  readonly toolName: string;
  /** JSON. */
  readonly input: string;
}

export type Content = { readonly type: 'text' | 'reasoning'; readonly text: string } | ToolCallContent;

export interface ResponseMetadata {
  readonly id: string;
  readonly timestamp: Date;
  readonly modelId: string;
}

export interface GenerateResult {
  content: Content[];
  finishReason: FinishReason;
  usage: Usage;
  warnings: Warning[];
  response: ResponseMetadata;
}

/** What comes in pieces. */
export type Block = 'text' | 'reasoning' | 'tool-input';
export type StreamPart =
  | { readonly type: 'stream-start'; readonly warnings: Warning[] }
  | ({ readonly type: 'response-metadata' } & ResponseMetadata)
  | { readonly type: 'text-start' | 'reasoning-start'; readonly id: string }
  | { readonly type: 'tool-input-start'; readonly id: string; readonly toolName: string }
  | { readonly type: `${Block}-delta`; readonly id: string; readonly delta: string }
  | { readonly type: `${Block}-end`; readonly id: string }
  | ToolCallContent
  | { readonly type: 'finish'; readonly usage: Usage; readonly finishReason: FinishReason }
  | { readonly type: 'error'; readonly error: unknown };
