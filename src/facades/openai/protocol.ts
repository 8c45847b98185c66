/** What crosses, in the shapes of OpenAI's chat completions; of its optional parts those that are made here. */

export interface TextPart {
  readonly type: string;
  readonly text?: string;
}

export interface Message {
  readonly role: string;
  readonly content?: string | readonly TextPart[] | null;
  readonly [other: string]: unknown;
}

export interface ResponseFormat {
  readonly type: string;
  readonly json_schema?: { readonly schema?: unknown; readonly [other: string]: unknown };
}

/** Of the other members only those that mean nothing here are let pass; `null` counts as left out. */
export interface CompletionRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly stream?: boolean | null;
  readonly stream_options?: { readonly include_usage?: boolean } | null;
  readonly max_tokens?: number | null;
  readonly max_completion_tokens?: number | null;
  /** Default 0, as in the rest of Longhand: the most likely answer. */
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly presence_penalty?: number | null;
  readonly frequency_penalty?: number | null;
  readonly logit_bias?: Readonly<Record<string, number>> | null;
  readonly seed?: number | null;
  readonly stop?: string | readonly string[] | null;
  readonly logprobs?: boolean | null;
  readonly top_logprobs?: number | null;
  readonly response_format?: ResponseFormat | null;
  /** Anything but `none` lets a model that can think aloud do so. Default: it does not. */
  readonly reasoning_effort?: string | null;
  readonly tools?: readonly FunctionTool[] | null;
  readonly tool_choice?:
    | string
    | { readonly type: string; readonly function?: { readonly name: string } }
    | null;
  readonly parallel_tool_calls?: boolean | null;
  readonly [other: string]: unknown;
}

export interface Chance {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[] | null;
}

export interface Logprobs {
  readonly content: readonly (Chance & { readonly top_logprobs: readonly Chance[] })[];
  readonly refusal: null;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  /** Tokens of the prompt that were not read for this answer: an open session had them, or the store. */
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
}

export type FinishReason = 'stop' | 'length' | 'tool_calls';

export interface MessageToolCall {
  readonly id: string;
  readonly type: 'function';
  /** `arguments` are JSON. */
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A tool that may be called. */
export interface FunctionTool {
  readonly type: string;
  readonly function?: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: unknown;
    /** `false` lets arguments be any JSON object. Otherwise they are of the schema, which must be one that is known here. */
    readonly strict?: boolean | null;
  };
}

/** What every reply has. */
export interface Reply {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

export interface Completion extends Reply {
  readonly object: 'chat.completion';
  readonly choices: readonly [
    {
      readonly index: 0;
      readonly message: {
        readonly role: 'assistant';
        /** `null` where there are calls alone. */
        readonly content: string | null;
        readonly refusal: null;
        readonly tool_calls?: readonly MessageToolCall[];
      };
      readonly finish_reason: FinishReason;
      readonly logprobs: Logprobs | null;
    },
  ];
  readonly usage: Usage;
}

export interface CompletionChunk extends Reply {
  readonly object: 'chat.completion.chunk';
  readonly choices: readonly {
    readonly index: 0;
    readonly delta: {
      readonly role?: 'assistant';
      readonly content?: string;
      /** Of each call first its id and name, then its arguments in pieces. */
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly type?: 'function';
        readonly function: { readonly name?: string; readonly arguments: string };
      }[];
    };
    readonly finish_reason: FinishReason | null;
    /** All of them, with the last chunk. */
    readonly logprobs: Logprobs | null;
  }[];
  /** Where `include_usage` was asked for: in a chunk of its own at the end, `null` before. */
  readonly usage?: Usage | null;
}

export interface ModelCard {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: 'longhand';
}
