/** What crosses, in the shapes of the Prompt API (draft of the W3C's Web Machine Learning group). */

export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available';
export type Role = 'system' | 'user' | 'assistant';
export type SamplingMode =
  | 'most-predictable'
  | 'predictable'
  | 'slightly-predictable'
  | 'balanced'
  | 'slightly-creative'
  | 'creative'
  | 'most-creative';

export interface PromptContent {
  readonly type: string;
  readonly value: unknown;
}

export interface PromptMessage {
  readonly role: Role;
  readonly content: string | readonly PromptContent[];
  /** Of a last message of the assistant: the answer begins with it. */
  readonly prefix?: boolean;
}

export type PromptInput = string | readonly PromptMessage[];

export interface Expected {
  readonly type: string;
  readonly languages?: readonly string[];
}

/** What the model may call; it is called with the arguments, of `inputSchema`, as one object. */
export interface PromptTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: object;
  /** Its result is what the model reads of it, as text. What it throws the model is told. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape of the platform's callbacks
  readonly execute: (...args: any[]) => Promise<string>;
}

export interface CoreOptions {
  /** Default `balanced`, unless `topK` or `temperature` is given. */
  readonly samplingMode?: SamplingMode | undefined;
  /** Of extensions only in the draft; together with `samplingMode` a `TypeError`. */
  readonly topK?: number | undefined;
  readonly temperature?: number | undefined;
  readonly expectedInputs?: readonly Expected[];
  readonly expectedOutputs?: readonly Expected[];
  readonly tools?: readonly PromptTool[];
  /** Anything but `none` lets a model think that can. Thoughts are not told. */
  readonly thinking?: { readonly effort?: string; readonly includeThoughts?: boolean };
}

/** What `monitor` is given: tells how far the model has been loaded. */
export interface CreateMonitor extends EventTarget {
  // biome-ignore lint/suspicious/noExplicitAny: the shape of the platform's handlers
  ondownloadprogress: ((this: any, event: ProgressEvent) => any) | null;
}

export interface CreateOptions extends CoreOptions {
  readonly signal?: AbortSignal;
  // biome-ignore lint/suspicious/noExplicitAny: so that the platform's own type of it fits
  readonly monitor?: (monitor: any) => void;
  /** Never evicted. */
  readonly initialPrompts?: readonly PromptMessage[];
}

export interface SignalOptions {
  readonly signal?: AbortSignal;
}

export interface PromptOptions extends SignalOptions {
  /** A JSON Schema or a `RegExp` that the answer obeys. */
  readonly responseConstraint?: object;
  /** Do not tell the model of it. Default false. */
  readonly omitResponseConstraintInput?: boolean;
  readonly thinking?: CoreOptions['thinking'];
}

/** Defaults and limits of `topK` and `temperature`. */
export interface Params {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

/** Called when something had to go that was said. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of the platform's handlers
export type OverflowHandler = ((this: any, event: Event) => any) | null;
