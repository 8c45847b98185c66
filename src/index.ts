/**
 * Longhand: long-context language models on the user's own device.
 *
 * @packageDocumentation
 */
import type { CallOptions } from './call.js';
import type { ModelSource } from './engine/engine.js';
import type { EngineOptions } from './engine/options.js';
import { loadOn, type Model } from './loaded-model.js';
import { checkWorkers, pageEngine, placeOptions, placeSource, type WorkerOptions } from './page-engine.js';

export type { Answer, AnswerPart, TextPieces } from './answer.js';
export type { Range } from './backends/backend.js';
export type { CallOptions, ProgressEvent, StopOptions } from './call.js';
export type { AppendOptions, Context, GenerateOptions } from './context.js';
export type {
  ContextStats,
  ModelInfo,
  ModelPart,
  ModelSource,
  PhaseStats,
  SessionProbe,
  StoredSession,
} from './engine/engine.js';
export type { KvOptions } from './engine/kv-options.js';
export type { EngineOptions } from './engine/options.js';
export type { Persisted } from './engine/persisted.js';
export type { Preset } from './engine/presets.js';
export type {
  CloneSettings,
  ContextOptions,
  ProbeSettings,
  SessionOptions,
} from './engine/session-options.js';
export { type ErrorCode, type ErrorDetails, LonghandError } from './errors.js';
export type { AdjustOptions } from './generate/adjust.js';
export type { AskSettings, Finish } from './generate/ask-settings.js';
export type { CallHead } from './generate/call-filter.js';
export type { FinishReason, Generated, GenerateSettings } from './generate/generate.js';
export type { GrammarOptions } from './generate/grammar/options.js';
export type { TokenChance, TokenLogprobs } from './generate/log-probabilities.js';
export type { Ranked } from './generate/rank.js';
export type { RankSettings } from './generate/rank-settings.js';
export type { ReadAs } from './generate/read-as.js';
export type { Exchange, Message } from './generate/said.js';
export type { SampleOptions } from './generate/sample.js';
export type { ShortlistOptions } from './generate/shortlist.js';
export type { Sifted, SiftSettings } from './generate/sift.js';
export type { Source } from './generate/sources.js';
export type { OnText, Reasoning } from './generate/speech.js';
export type { ToolSettings } from './generate/tool-settings.js';
export type { ExportedSession } from './kv/export-session.js';
export type { ExportSettings, ImportSettings } from './kv/file-options.js';
export type { ImportedSession } from './kv/import-session.js';
export type { MadeOtherwise } from './kv/made.js';
export type { TextProbe } from './kv/probe-text.js';
export type { ExportOptions, ImportOptions, Model, OpenOptions, ProbeOptions } from './loaded-model.js';
export type { PageSizes } from './model/page-sizes.js';
export type { WorkerOptions } from './page-engine.js';
export type { A2sfOptions } from './policies/a2sf.js';
export type { ActOptions } from './policies/act.js';
export type { DuoOptions } from './policies/duo.js';
export type { EvictedOptions } from './policies/evicted.js';
export type { ExpectedOptions } from './policies/expected.js';
export type { GivenOptions, Worth } from './policies/given.js';
export type { H2oOptions } from './policies/h2o.js';
export type { KeepAllOptions, RetentionOptions } from './policies/index.js';
export type { PyramidInferOptions } from './policies/pyramid-infer.js';
export type { KeptOptions } from './policies/scored.js';
export type { SinksWindowOptions } from './policies/sinks-window.js';
export type { SnapKvOptions } from './policies/snap-kv.js';
export type { AShapeOptions } from './predictors/a-shape.js';
export type { AttentionOptions } from './predictors/attention-options.js';
export type { AutoOptions } from './predictors/auto.js';
export type { BlocksOptions } from './predictors/blocks.js';
export type { BudgetOptions } from './predictors/budget.js';
export type { DeltaOptions } from './predictors/delta.js';
export type { DenseOptions } from './predictors/dense.js';
export type { DhsaOptions } from './predictors/dhsa-options.js';
export type { FlexPrefillOptions } from './predictors/flex-prefill.js';
export type { HyperAttentionOptions } from './predictors/hyper-attention.js';
export type { LandmarkOptions } from './predictors/landmark.js';
export type { LazyOptions } from './predictors/lazy.js';
export type { LongHeadsOptions } from './predictors/long-heads.js';
export type { NeighborhoodOptions } from './predictors/neighborhood.js';
export type { OracleOptions } from './predictors/oracle.js';
export type { PowerOptions } from './predictors/power.js';
export type { ProxyAttnOptions } from './predictors/proxy-attn.js';
export type { QuestOptions } from './predictors/quest.js';
export type { RandomOptions } from './predictors/random.js';
export type { ReadingOptions } from './predictors/reading-and-answers.js';
export type { RecycledOptions } from './predictors/recycled.js';
export type { RestOptions } from './predictors/rest.js';
export type { RetrievalOptions } from './predictors/retrieval.js';
export type { SaleOptions } from './predictors/sale.js';
export type { SeaOptions } from './predictors/sea.js';
export type { SeerOptions } from './predictors/seer.js';
export type { SkipOptions } from './predictors/skipping.js';
export type { SlidingOptions } from './predictors/sliding.js';
export type { TokenSelectOptions } from './predictors/token-select.js';
export type { TwilightOptions } from './predictors/twilight.js';
export type { VerticalSlashOptions } from './predictors/vertical-slash.js';
export type { XAttentionOptions } from './predictors/x-attention.js';
export type { AskOptions, CloneOptions, RankOptions, Session, SiftOptions } from './session.js';
export type { ToldCalls, Tool, ToolCall, ToolResult } from './text/tool.js';
export { type CachedModel, deleteModel, models } from './weights/kept-files.js';

/** How a model is loaded in a page. */
export interface LoadOptions extends EngineOptions, CallOptions, WorkerOptions {}

/**
 * Load a GGUF model in a worker of its own.
 *
 * @param source URL of the file, a `File` or `Blob`, or its bytes; of a model in parts, a list of these, or the URL of one.
 * @returns the model; `model.info` tells what was found and what it runs on.
 * @throws LonghandError `model/…` or `unsupported/…` when the file cannot be used, `input/option` when an option
 * cannot be what it is, `memory/device` when the device gives no more memory.
 */
export const load = async (source: ModelSource, options: LoadOptions = {}): Promise<Model> => {
  const { worker, workerUrl, ...rest } = options;
  checkWorkers(worker);
  const place = placeSource(source);
  const engine = pageEngine({ ...(worker && { worker }), ...(workerUrl !== undefined && { workerUrl }) });
  return loadOn(engine, place, placeOptions(rest));
};
export { type WipeOptions, wipe } from './wipe.js';
