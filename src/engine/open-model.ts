import { architectureIn } from '../architectures/load-variants.js';
import { NUMERICS } from '../backends/wasm/numerics.js';
import { LonghandError } from '../errors.js';
import type { Reader } from '../generate/reader.js';
import { createTurns } from '../generate/turns.js';
import { createBudget } from '../kv/budget.js';
import type { Provenance } from '../kv/segments.js';
import { pageSizesOf } from '../model/page-sizes.js';
import type { PageCodecs } from '../model/state.js';
import { openRetention } from '../policies/open-retention.js';
import type { Measure, Retain } from '../policies/policy.js';
import { openPredictor } from '../predictors/index.js';
import { type ChatTemplate, loadChatTemplate } from '../text/chat-template.js';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.js';
import { openModelFile } from '../weights/split.js';
import { chooseKeys } from './choose-keys.js';
import { codecsUsed } from './codecs-used.js';
import type { ModelInfo, ModelPart, ModelSource, Progress } from './engine.js';
import { createLadder, type Ladder, type Rung } from './ladder.js';
import { loadOn, sampleOf } from './load-on.js';
import { type Kept, openKept } from './open-kept.js';
import { checkEngineOptions, type EngineOptions } from './options.js';
import { readOnce } from './read-once.js';
import { rungsOf } from './rungs.js';
import { createSessionRetention, type SessionRetention } from './session-retention.js';

/** A model with everything that reads, writes and keeps text for it. */
export interface OpenModel {
  readonly info: ModelInfo;
  readonly reader: Reader;
  /** What computes now. */
  readonly ladder: Pick<Ladder, 'now' | 'losses'>;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly provenance: Provenance;
  readonly retention: SessionRetention;
  /** Absent when nothing is kept. */
  readonly kept: Kept | undefined;
  /** Why nothing is kept, when that is so: not asked for, or the store refused when it was opened. */
  readonly unkept: 'none' | 'unavailable';
  close(): Promise<void>;
}

/** What can be read a second time. Bytes are handed to the browser, so that they are not held beside the device's. */
const rereadable = (source: ModelSource): ModelSource => {
  const one = (part: ModelPart): ModelPart =>
    part instanceof ArrayBuffer || ArrayBuffer.isView(part) ? new Blob([part as BlobPart]) : part;
  return Array.isArray(source) ? source.map(one) : one(source as ModelPart);
};

/** Progress that never goes back: a model that another tab downloaded is then read from the device. */
const forwards = (onProgress: Progress): Progress => {
  let most = 0;
  return (loaded, total) => {
    if (loaded / total < most) return;
    most = loaded / total;
    onProgress(loaded, total);
  };
};

export const openModel = async (
  source: ModelSource,
  options: EngineOptions,
  signal: AbortSignal,
  onProgress: Progress,
): Promise<OpenModel> => {
  const chosen = checkEngineOptions(options, typeof indexedDB !== 'undefined');
  const warnings: string[] = [];
  const predictor = await openPredictor(chosen.attention);
  const retaining = await openRetention(chosen.retention);
  const report = forwards(onProgress);
  const { cache, integrity } = chosen;
  const { model: file, sources } = await openModelFile(source, { cache, integrity, onWait: report }, signal);
  let ladder: Ladder | undefined;
  try {
    const architecture = await architectureIn(file);
    const tokenizer = loadTokenizer(file.metadata);
    const template = loadChatTemplate(file.metadata, tokenizer);
    // Until a trial says more, the narrower ones: what computes them computes the others.
    let pageCodecs: PageCodecs = { keys: chosen.keys === 'auto' ? 'q4' : chosen.keys, values: chosen.values };
    const read = architecture.config(file.metadata);
    const sample = sampleOf(file, read, pageCodecs, predictor, chosen.maxTokens);
    const openings = await rungsOf(chosen, sample, predictor, read);
    const later = openings.length > 1 ? rereadable(source) : source;
    const { keyChannels, valueChannels } = chosen;
    const limit = {
      keyChannels,
      valueChannels,
      ...(chosen.maxTokens !== undefined && { maxTokens: chosen.maxTokens }),
    };
    const exclusive = createTurns();
    let known: string | undefined;
    const rungs = openings.map(
      (open, n): Rung =>
        async (stop, losses) => {
          const backend = await open(losses);
          const onProgress = ({ loaded, total }: { loaded: number; total: number }) => report(loaded, total);
          if (n === 0) return loadOn(backend, file, architecture, { signal: stop, onProgress, ...limit });
          const { model: again } = await openModelFile(later, { cache, integrity }, stop).catch((error) => {
            backend.close();
            throw error;
          });
          const loaded = await loadOn(backend, again, architecture, { signal: stop, ...limit });
          if (known === undefined || loaded.weights.fingerprint === known) return loaded;
          backend.close();
          throw new LonghandError('model/unreachable', `${again.label} is another model now. Load it again.`);
        },
    );
    ladder = await createLadder(rungs, exclusive, signal);
    const climbed = ladder;
    const { backend, weights } = climbed.now;
    const { config, fingerprint } = weights;
    known = fingerprint;
    const maxTokens = chosen.maxTokens ?? config.window;
    if (maxTokens > config.window) {
      warnings.push(
        `maxTokens is ${maxTokens}, but the model was trained to read ${config.window} tokens: what lies beyond may be read badly.`,
      );
    }
    let retain: Retain | undefined;
    const reader: Reader = {
      get backend() {
        return climbed.now.backend;
      },
      config,
      get topShortlist() {
        return climbed.now.backend.topShortlist;
      },
      get weights() {
        return climbed.now.weights;
      },
      get arena() {
        return climbed.now.arena;
      },
      predictor,
      get retain() {
        return retain;
      },
      get codecs() {
        return pageCodecs;
      },
      budget: createBudget({ bytes: () => climbed.now.backend.bytes() }, chosen.memory),
      marks: () => tokenizer.marks,
      maxTokens,
      exclusive,
      replace: climbed.replace,
    };
    const measureUntil = (stop?: AbortSignal): Measure => ({
      maxTokens,
      encode: (text) => tokenizer.encode(text, stop && { signal: stop }),
      read: (ids, looks) => readOnce(reader, ids, looks, stop),
    });
    const { encode } = measureUntil(signal);
    pageCodecs = await chooseKeys(reader, chosen, { fingerprint, signal, encode });
    const retention = await retaining(measureUntil(signal));
    retain = retention.retain;
    const provenance: Provenance = {
      model: fingerprint,
      tokenizer: tokenizer.signature,
      codec: codecsUsed(config, pageCodecs, { keyChannels, valueChannels }),
      attention: predictor.signature + retention.bound,
      ...(predictor.reads !== undefined && { reads: predictor.reads + retention.bound }),
      build: `${backend.numerics ?? `${backend.name}/${backend.build}`}/${NUMERICS}`,
    };
    const kept = chosen.store === 'none' ? undefined : await openKept(chosen, reader, provenance, warnings);
    return {
      info: {
        name: config.name,
        architecture: config.architecture,
        parameters: [...file.tensors.values()].reduce((sum, { rows, cols }) => sum + rows * cols, 0),
        window: config.window,
        maxTokens,
        vocab: config.vocab,
        backend: backend.name,
        build: backend.build,
        threads: backend.threads,
        backendReason: backend.reason,
        attention: predictor.signature,
        retention: retention.signature,
        ...pageCodecs,
        pageSizes: pageSizesOf(config, { keyChannels, valueChannels }),
        store: kept?.store.name ?? 'none',
        fingerprint,
        weightBytes: backend.bytes().weights,
        downloadedBytes: sources.reduce((sum, { received = 0 }) => sum + received, 0),
        cached: sources.every(({ isKept = false }) => isKept),
        warnings: [...warnings, ...sources.flatMap((one) => one.warnings ?? [])],
      },
      reader,
      ladder: climbed,
      tokenizer,
      template,
      provenance,
      retention: createSessionRetention(retention.bound !== '', measureUntil()),
      kept,
      unkept: chosen.store === 'none' ? 'none' : 'unavailable',
      close: async () => {
        await kept?.archive.close();
        await kept?.store.close();
        await climbed.close();
      },
    };
  } catch (error) {
    await file.close();
    await ladder?.close();
    throw error;
  }
};
