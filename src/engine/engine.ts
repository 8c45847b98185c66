/**
 * The wire: one flat interface, the same for an engine in this thread and one behind a worker. Everything that crosses
 * is structured-cloneable; the callbacks are proxied. A `call` is a number the caller chose, under which it may abort.
 */

import type { Range } from '../backends/backend.js';
import type { AskSettings, Finish } from '../generate/conversation.js';
import type { Generated, GenerateSettings } from '../generate/generate.js';
import type { Ranked } from '../generate/rank.js';
import type { RankSettings } from '../generate/rank-settings.js';
import type { ReadAs } from '../generate/read-as.js';
import type { Exchange, Message } from '../generate/said.js';
import type { Sifted, SiftSettings } from '../generate/sift.js';
import type { OnText } from '../generate/speech.js';
import type { ExportedSession } from '../kv/export-session.js';
import type { ExportSettings, ImportSettings } from '../kv/file-options.js';
import type { ImportedSession } from '../kv/import-session.js';
import type { TextProbe } from '../kv/probe-text.js';
import type { PageSizes } from '../model/page-sizes.js';
import type { ToldCalls, ToolResult } from '../text/tool.js';
import type { EngineOptions } from './options.js';
import type { Persisted } from './persisted.js';
import type { SessionProbe, StoredSession } from './session-listing.js';
import type { CloneSettings, ContextOptions, ProbeSettings, SessionOptions } from './session-options.js';

/** What a model turned out to be, and what it runs on. */
export interface ModelInfo {
  readonly name: string;
  readonly architecture: string;
  /** Weights of the model, counted. */
  readonly parameters: number;
  /** Tokens the model was trained to read. */
  readonly window: number;
  /** Tokens a context may hold. */
  readonly maxTokens: number;
  readonly vocab: number;
  /** Where the forward pass runs, and which build of its kernels. */
  readonly backend: 'wasm' | 'webgpu' | 'reference';
  readonly build: string;
  /** Threads that compute. */
  readonly threads: number;
  /** Why that build and so many threads. */
  readonly backendReason: string;
  /** The attention method in effect, with its options. */
  readonly attention: string;
  /** The retention policy in effect, with its options. */
  readonly retention: string;
  readonly keys: 'f16' | 'q8' | 'q4';
  readonly values: 'f16' | 'q8' | 'q4' | 'q2';
  /** What pages take with these codecs, and with others. */
  readonly pageSizes: PageSizes;
  /** Where read text is kept between visits. */
  readonly store: 'idb' | 'opfs' | 'memory' | 'none';
  /** Identity of the model's tensors and tokenizer. */
  readonly fingerprint: string;
  readonly weightBytes: number;
  /** Bytes of the model that came over the network for this load: 0 where it was on the device already. */
  readonly downloadedBytes: number;
  /** Whether the next load of the same URL finds the model on this device. */
  readonly cached: boolean;
  /** What the caller should know: a window beyond the trained one, for instance. */
  readonly warnings: readonly string[];
}

/** What a context holds, and what it has cost since it was opened. */
export interface ContextStats {
  readonly tokens: number;
  /** Those of them that plans may name (`retention`), on average over the layers that are read whole and their KV heads. */
  readonly kept: number;
  /** Tokens attached from the store instead of being read. */
  readonly reusedTokens: number;
  /** Tokens read again although they had been read before. */
  readonly recomputedTokens: number;
  readonly pagesResident: number;
  /**
   * Pages that plans named where some were cold, those of them that were not in memory, those of these that were on their
   * way already, and the records that were fetched.
   */
  readonly paging: {
    readonly touched: number;
    readonly missed: number;
    readonly ahead: number;
    readonly records: number;
    readonly bytes: number;
  };
  /**
   * Bytes that the texts of all open contexts take, against `kv.memory`. `over`: what could not be given up, because
   * `reason`: `none`, `full` or `unavailable` as in `storage`; `unstored`: what a context without an id holds of its
   * own, what is on its way to the store, and what a single step reads.
   */
  readonly memory: {
    readonly budget: number;
    readonly used: number;
    readonly over: number;
    readonly reason?: 'none' | 'full' | 'unavailable' | 'unstored';
  };
  /** What computes now, and why: another than `model.info` says where a GPU was lost, `losses` times. */
  readonly computing: {
    readonly backend: ModelInfo['backend'];
    readonly reason: string;
    readonly losses: number;
  };
  /** Pages of this context that rest in the store, or are on their way there. */
  readonly pagesStored: number;
  /** Bytes on the device: pages of this context, and everything the backend holds. */
  readonly bytes: { readonly pages: number; readonly weights: number; readonly total: number };
  /** Bytes in the store, of all models that share it; 0 where there is none, or where it cannot be read now. */
  readonly storedBytes: number;
  /**
   * `ok`: what is read is kept. `full`: no room is left in the disk budget or on the device, nor anything that
   * may be evicted; what was kept stays. `unavailable`: the store
   * refuses, work goes on in memory. `none`: nothing was to be kept.
   */
  readonly storage: 'ok' | 'full' | 'unavailable' | 'none';
  /**
   * Whether the browser has promised to keep what is stored until the user deletes it. `no`: it may clear it when space
   * is short, or after weeks without a visit. `unknown` where it cannot be asked.
   */
  readonly persisted: Persisted;
  /** Share of the causal triangle that attention read, 0 to 1; 1 where nothing was computed yet. */
  readonly density: { readonly prefill: number; readonly decode: number; readonly lastStep: number };
  readonly prefill: PhaseStats;
  readonly decode: PhaseStats;
}

/** Tokens computed in a phase, and the seconds that took. */
export interface PhaseStats {
  readonly tokens: number;
  readonly seconds: number;
}

export type { SessionProbe, StoredSession };

export type Progress = (loaded: number, total: number) => void;

/** One file of a model: a URL, a path (Node), a file the user picked, or its bytes. */
export type ModelPart = string | URL | Blob | ArrayBuffer | Uint8Array;

/**
 * Where a model comes from: one file, or all files of a model in parts, in any order. Of a model whose parts are named
 * `…-00001-of-0000N.gguf`, one URL or path is enough.
 */
export type ModelSource = ModelPart | readonly ModelPart[];

export interface Engine {
  load(
    source: ModelSource,
    options: EngineOptions,
    call: number,
    onProgress: Progress,
  ): Promise<{ model: number; info: ModelInfo }>;
  tokenize(model: number, text: string, call: number, onProgress: Progress): Promise<number[]>;
  detokenize(model: number, ids: readonly number[]): Promise<string>;
  sessions(model: number): Promise<StoredSession[]>;
  probeText(
    model: number,
    what: string | readonly number[],
    options: ProbeSettings,
    call: number,
  ): Promise<TextProbe>;
  probeSession(model: number, id: string): Promise<SessionProbe>;
  renameSession(model: number, id: string, title: string): Promise<void>;
  cloneSession(model: number, from: string, to: string, title?: string): Promise<void>;
  deleteSession(model: number, id: string): Promise<void>;
  evictSession(model: number, id: string): Promise<number>;
  exportSession(
    model: number,
    id: string,
    options: ExportSettings,
    call: number,
    onProgress: Progress,
  ): Promise<ExportedSession>;
  importSession(
    model: number,
    file: Blob,
    as: ImportSettings,
    call: number,
    onProgress: Progress,
  ): Promise<ImportedSession>;
  unload(model: number): Promise<void>;

  /** A bare context: a token list and its pages. */
  openContext(model: number, options?: ContextOptions): Promise<number>;
  /** A context with a conversation. Resolves to its tokens when a stored session was resumed. */
  openSession(
    model: number,
    options: SessionOptions,
    call: number,
    onProgress: Progress,
  ): Promise<{ context: number; tokens: number }>;
  appendIds(
    context: number,
    ids: readonly number[],
    as: ReadAs | undefined,
    call: number,
    onProgress: Progress,
  ): Promise<void>;
  appendText(context: number, text: string, call: number, onProgress: Progress): Promise<void>;
  logits(context: number, call: number): Promise<Float32Array>;
  generate(context: number, options: GenerateSettings, call: number): Promise<Generated>;
  ask(
    context: number,
    question: string | readonly ToolResult[],
    options: AskSettings,
    call: number,
    onText: OnText,
    onProgress: Progress,
  ): Promise<Finish>;
  tell(
    context: number,
    question: string | readonly ToolResult[],
    answer: string | ToldCalls,
    call: number,
    onProgress: Progress,
  ): Promise<void>;
  messages(context: number): Promise<Message[]>;
  rewind(context: number, messages: number, call: number): Promise<void>;
  measure(context: number, exchanges: readonly Exchange[], call: number): Promise<number>;
  rank(
    context: number,
    documents: readonly string[],
    query: string,
    options: RankSettings,
    call: number,
    onProgress: Progress,
  ): Promise<Ranked[]>;
  sift(
    context: number,
    text: string,
    question: string,
    options: SiftSettings,
    call: number,
    onProgress: Progress,
  ): Promise<Sifted>;
  /** A second session that stands where this one does. */
  cloneContext(
    context: number,
    options: CloneSettings,
    call: number,
    onProgress: Progress,
  ): Promise<{ context: number; tokens: number }>;
  stats(context: number): Promise<ContextStats>;
  plan(context: number, layer: number, head: number): Promise<Range[]>;
  passage(context: number, start: number, end: number): Promise<string>;
  closeContext(context: number): Promise<void>;

  /** End a call that is under way; one that has ended, or was never made, is no error. */
  abort(call: number): Promise<void>;
  close(): Promise<void>;
}
