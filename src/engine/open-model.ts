import { architectureOf } from '../architectures/index.js';
import { PAGE } from '../backends/backend.js';
import { NUMERICS } from '../backends/wasm/numerics.js';
import { codecs } from '../codecs/index.js';
import { pageBytes } from '../codecs/page-format.js';
import { LonghandError } from '../errors.js';
import type { Reader } from '../generate/reader.js';
import { createTurns } from '../generate/turns.js';
import { type Archive, openArchive } from '../kv/archive.js';
import { createBudget } from '../kv/budget.js';
import { fingerprintOf, type Provenance } from '../kv/segments.js';
import { createArena } from '../model/arena.js';
import type { ModelConfig } from '../model/config.js';
import { kvShapeOf, type PageCodecs } from '../model/state.js';
import { loadWeights } from '../model/weights.js';
import { createPredictor } from '../predictors/index.js';
import { openStore, type Store } from '../stores/index.js';
import { type ChatTemplate, loadChatTemplate } from '../text/chat-template.js';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.js';
import { openModelFile } from '../weights/split.js';
import type { ModelInfo, ModelSource, Progress } from './engine.js';
import { type Computing, openBackend } from './open-backend.js';
import { checkEngineOptions, type EngineOptions } from './options.js';

/** Tokens run through the model in one forward call of prefill; also the unit in which read text is stored. */
export const SEGMENT_TOKENS = 256;

/** A model with everything that reads, writes and keeps text for it. */
export interface OpenModel {
  readonly info: ModelInfo;
  readonly reader: Reader;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly provenance: Provenance;
  /** Absent when nothing is kept. */
  readonly kept: { readonly archive: Archive; readonly store: Store } | undefined;
  /** Why nothing is kept, when that is so: not asked for, or the store refused when it was opened. */
  readonly unkept: 'none' | 'unavailable';
  close(): Promise<void>;
}

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
  const predictor = createPredictor(chosen.attention);
  const report = forwards(onProgress);
  const { cache, integrity } = chosen;
  const { model: file, sources } = await openModelFile(source, { cache, integrity, onWait: report }, signal);
  let backend: Computing | undefined;
  try {
    const architecture = architectureOf(file.metadata);
    const tokenizer = loadTokenizer(file.metadata);
    const template = loadChatTemplate(file.metadata, tokenizer);
    backend = await openBackend(chosen);
    const weights = await loadWeights(backend, file, architecture, {
      signal,
      onProgress: ({ loaded, total }) => report(loaded, total),
      ...(chosen.maxTokens !== undefined && { maxTokens: chosen.maxTokens }),
    });
    await backend.prepare?.();
    const { config, fingerprint } = weights;
    const maxTokens = chosen.maxTokens ?? config.window;
    if (maxTokens > config.window) {
      warnings.push(
        `maxTokens is ${maxTokens}, but the model was trained to read ${config.window} tokens: what lies beyond may be read badly.`,
      );
    }
    const pageCodecs = { keys: chosen.keys, values: chosen.values };
    const arena = createArena(backend, config, Math.min(SEGMENT_TOKENS, Math.ceil(maxTokens / PAGE) * PAGE));
    const reader: Reader = {
      backend,
      config,
      weights,
      arena,
      predictor,
      codecs: pageCodecs,
      budget: createBudget(backend, chosen.memory),
      marks: () => tokenizer.marks,
      maxTokens,
      exclusive: createTurns(),
    };
    const provenance: Provenance = {
      model: fingerprint,
      tokenizer: tokenizer.signature,
      codec: codecsUsed(config, pageCodecs),
      attention: predictor.signature,
      build: `${backend.numerics ?? `${backend.name}/${backend.build}`}/${NUMERICS}`,
    };
    const kept = chosen.store === 'none' ? undefined : await openKept(chosen, reader, provenance, warnings);
    const opened = backend;
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
        ...pageCodecs,
        store: kept?.store.name ?? 'none',
        fingerprint,
        weightBytes: backend.bytes().weights,
        downloadedBytes: sources.reduce((sum, { received = 0 }) => sum + received, 0),
        cached: sources.every(({ isKept = false }) => isKept),
        warnings: [...warnings, ...sources.flatMap((one) => one.warnings ?? [])],
      },
      reader,
      tokenizer,
      template,
      provenance,
      kept,
      unkept: chosen.store === 'none' ? 'none' : 'unavailable',
      close: async () => {
        await kept?.archive.close();
        await kept?.store.close();
        opened.close();
      },
    };
  } catch (error) {
    await file.close();
    backend?.close();
    throw error;
  }
};

/** The codecs of all pages with their versions: a model may have layers that slide, and their pages are f16. */
const codecsUsed = (config: ModelConfig, pageCodecs: PageCodecs): string => {
  const shapes = config.attention.map((_, layer) => kvShapeOf(config, pageCodecs, layer));
  const names = shapes.map(
    ({ keys, values }) => `${keys}.${codecs[keys].version}/${values}.${codecs[values].version}`,
  );
  return [...new Set(names)].sort().join(' ');
};

/** Half of what this site may use: model files and the page's own data want room too. */
const usualDiskBytes = async ({ name }: Store): Promise<number | undefined> => {
  if (name === 'memory') return undefined;
  const { quota } = (await globalThis.navigator?.storage?.estimate?.().catch(() => undefined)) ?? {};
  return quota === undefined ? undefined : Math.floor(quota / 2);
};

/** A store that refuses does not stop the work: it goes on in memory, and the model says so. */
const openKept = async (
  chosen: ReturnType<typeof checkEngineOptions>,
  reader: Reader,
  provenance: Provenance,
  warnings: string[],
): Promise<OpenModel['kept']> => {
  const { config, codecs: pageCodecs } = reader;
  let store: Store | undefined;
  try {
    store = await openStore(chosen.store === 'none' ? 'memory' : chosen.store, {
      database: chosen.database,
      durability: chosen.durability,
      ...(chosen.encryption && { encryption: chosen.encryption }),
    });
    const archive = await openArchive(store, {
      fingerprint: fingerprintOf(provenance),
      segmentTokens: reader.arena.segmentTokens,
      pageBytes: config.attention.map((_, layer) => pageBytes(kvShapeOf(config, pageCodecs, layer))),
      // What waits to be written is memory too.
      queueBytes: reader.budget.inFlight,
      diskBytes: chosen.disk ?? (await usualDiskBytes(store)),
      made: provenance,
    });
    return { archive, store };
  } catch (error) {
    await store?.close();
    if (!(error instanceof LonghandError) || error.code !== 'storage/unavailable') throw error;
    warnings.push(`Nothing that is read will be kept: ${error.message}`);
    return undefined;
  }
};
