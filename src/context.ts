import type { Range } from './backends/backend.js';
import { abortable, type CallOptions, type StopOptions, withoutCall } from './call.js';
import type { ContextStats, Engine } from './engine/engine.js';
import type { Generated, GenerateSettings } from './generate/generate.js';
import type { ReadAs } from './generate/read-as.js';

/** How token ids are read. */
export interface AppendOptions extends CallOptions {
  /**
   * `question`, `answer`: every token is read by a row that chooses for itself, those of an answer one by one, and what is kept of
   * a text (`retention`) is chosen between the two. Such pages are the context's own: no other finds them. Default `text`.
   */
  readonly as?: ReadAs;
}

export interface GenerateOptions extends GenerateSettings, StopOptions {}

/** One token list and the pages that cache it: the plain surface for tools and tests. */
export class Context {
  protected readonly engine: Engine;
  protected readonly handle: number;

  /** @internal */
  constructor(engine: Engine, handle: number) {
    this.engine = engine;
    this.handle = handle;
  }

  /**
   * Append token ids and read them. What was read before on this device is attached instead. An abort leaves the
   * context as it was. Rejects with `input/too-long` when they do not fit, `input/busy` while another call runs.
   */
  append(ids: ArrayLike<number>, options: AppendOptions = {}): Promise<void> {
    return abortable(this.engine, options, (call, onProgress) =>
      this.engine.appendIds(this.handle, Array.from(ids), options.as, call, onProgress),
    );
  }

  /** Logits after the last token, (vocab). */
  logits(options: StopOptions = {}): Promise<Float32Array> {
    return abortable(this.engine, options, (call) => this.engine.logits(this.handle, call));
  }

  /**
   * Generate token ids; they become part of the context, those before an abort too. Fewer than `maxTokens` (default
   * 256) where the model ends its answer or the context is full.
   */
  generate(options?: GenerateOptions & { readonly logprobs?: undefined }): Promise<number[]>;
  /** With `logprobs`: the ids, why they ended, and the log-probabilities of each. */
  generate(options: GenerateOptions & { readonly logprobs: number }): Promise<Generated>;
  async generate(options: GenerateOptions = {}): Promise<number[] | Generated> {
    const generated = await abortable(this.engine, options, (call) =>
      this.engine.generate(this.handle, withoutCall(options), call),
    );
    return options.logprobs === undefined ? generated.ids : generated;
  }

  /** What the context holds, and what it has cost. */
  stats(): Promise<ContextStats> {
    return this.engine.stats(this.handle);
  }

  /** The ranges of tokens that the last row read in a layer, for one KV head. */
  plan(where: { layer: number; head: number }): Promise<Range[]> {
    return this.engine.plan(this.handle, where.layer, where.head);
  }

  /** End what runs on it and free its memory. Closing twice is no error. */
  close(): Promise<void> {
    return this.engine.closeContext(this.handle);
  }
}
