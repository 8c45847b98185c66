import {
  type AttendOptions,
  type Backend,
  type ChunkIndex,
  type KvLayer,
  type KvShape,
  PAGE,
  type Plan,
  type Tensor,
  type Tiles,
} from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { createResidency, type Residency, type ResidencyOptions } from '../kv/residency.js';
import { createKeptStates } from '../kv/states.js';
import type { Amendment, Retain, Retention } from '../policies/policy.js';
import { canPlanOn, needsHost } from '../predictors/needs-host.js';
import type { PredictInput, Predictor } from '../predictors/predictor.js';
import { sliding } from '../predictors/sliding.js';
import { keyDimOf, type ModelConfig } from './config.js';
import { turningOf } from './rope.js';

/** The device side of one context: pages, chunk index and plans of every layer. */
export interface ContextState {
  /** What holds it. */
  readonly backend: Backend;
  readonly layers: readonly KvLayer[];
  /** Some layers have a state: reading goes on only where that is known. */
  readonly recurs: boolean;
  /** Of the layers that are read whole; layers that slide have no chunks. */
  readonly chunks: ChunkIndex | undefined;
  readonly plans: readonly Plan[];
  /** What writes each layer's plan: the chosen predictor, or, where the layer slides, its window. */
  readonly predictors: readonly Predictor[];
  /** How each layer's attention reads its plan. */
  readonly how: readonly AttendOptions[];
  /** Which pages have memory. */
  readonly residency: Residency;
  /** What plans may name of them, where that is not everything. */
  readonly retention: Retention | undefined;
  /** Looks at rows of a call between the plan of a layer and its attention, where that is wanted. */
  observer(layer: number, tiles: Tiles): ((q: Tensor) => Promise<void>) | undefined;
  /** What is changed of the attention of rows of a layer, where something is. */
  amendment(layer: number, rows: number): Amendment | undefined;
  /** Find and summarise the chunks of a layer up to `tokens`, if it has any. */
  index(layer: number, tokens: number): void;
  /** q: (rows, heads · channels), as the layer keeps its keys. */
  predictInput(layer: number, tiles: Tiles, q: Tensor, scale: number): PredictInput;
  /** Pages that have memory, in all layers, and their bytes. */
  resident(): { pages: number; bytes: number };
  /** The context is gone back to after so many tokens: keep what it would not know any more. */
  keep(tokens: number): void;
  /** Give up the boundaries and summaries beyond `tokens`; before them all must be there. */
  cutChunks(tokens: number): void;
  /** Give up the pages, boundaries and summaries beyond `tokens`; before them all must be there. */
  cutTo(tokens: number): void;
  release(): void;
}

/** How pages are encoded; see docs/FORMAT.md. */
export interface PageCodecs {
  readonly keys: KvShape['keys'];
  readonly values: KvShape['values'];
}

const NO_MARKS = new Uint8Array(0);

/** The shape of a layer's pages: those of a layer that slides are f16 (docs/FORMAT.md), others are states. */
export const kvShapeOf = (config: ModelConfig, codecs: PageCodecs, layer: number): KvShape => ({
  kvHeads: config.kvHeads,
  keyDim: keyDimOf(config, layer),
  valueDim: config.valueDim,
  ...(config.attention[layer]!.window === undefined ? codecs : { keys: 'f16', values: 'f16' }),
  ...(config.attention[layer]!.recurs && { state: config.state }),
});

/** Layers that attend to everything, by number. */
export const wholeLayers = ({ attention }: Pick<ModelConfig, 'attention'>): number[] =>
  [...attention.keys()].filter((layer) => {
    const { window, recurs } = attention[layer]!;
    return window === undefined && !recurs;
  });

/** What of a context is not on the device: its tokens, and where pages rest that have no memory. */
export interface Surroundings extends Pick<ResidencyOptions, 'segmentTokens' | 'budget' | 'rest'> {
  readonly tokens: readonly number[];
  /** The delimiter marks of the tokens. */
  marks(tokens: number): Uint8Array;
  /** What holds what is kept, where that is not everything. */
  readonly retain?: Retain | undefined;
}

/** Bytes of a token in a list, and of its mark. */
const TOKEN_BYTES = 9;

/** What is refused with where layers with a state cannot be computed. */
export const needsRecur = (
  { architecture }: Pick<ModelConfig, 'architecture'>,
  backend: string,
): LonghandError =>
  new LonghandError(
    'unsupported/backend',
    `Models of architecture "${architecture}" have layers with a state, which '${backend}' does not compute. Ask for the backend 'wasm' (or 'auto', which then takes it).`,
    { architecture, backend },
  );

/** Device state as `predictor` needs it. Throws `unsupported/backend` where this one cannot plan. */
export const createState = (
  backend: Backend,
  config: ModelConfig,
  codecs: PageCodecs,
  predictor: Predictor,
  around: Surroundings,
): ContextState => {
  const { needs } = predictor;
  if (!canPlanOn(predictor, backend)) throw needsHost(predictor, backend.name);
  if (config.state && !backend.recur) throw needsRecur(config, backend.name);
  const listsOf = ({ lists }: Predictor['needs']): number => (lists === 'kv-head' ? config.kvHeads : 1);
  const choosers = config.attention.map(({ window }) =>
    // The tile's own tokens are always in a plan: the first row looks back over one less than its window.
    window === undefined
      ? predictor
      : sliding({ method: 'sliding', window: Math.max(1, window - 1), sinks: 0 }),
  );
  const layers = choosers.map((_, layer) => backend.kvLayer(`kv ${layer}`, kvShapeOf(config, codecs, layer)));
  const how = config.attention.map(
    ({ window }): AttendOptions => ({
      scale: config.attentionScale,
      ...(window !== undefined && { window }),
      ...(window === undefined && needs.skipBelow !== undefined && { skipBelow: needs.skipBelow }),
      ...(config.attentionCap !== undefined && { softcap: config.attentionCap }),
    }),
  );
  /** Layers that are read whole. In the order of the chunk index; the keys of the first say where chunks end. */
  const whole = wholeLayers(config);
  const source = layers[whole[0] ?? layers.length];
  const chunks =
    needs.chunks && source
      ? backend.chunkIndex('chunks', {
          ...needs.chunks,
          layers: whole.length,
          kvHeads: config.kvHeads,
          keyDim: source.shape.keyDim,
        })
      : undefined;
  /** One for all layers in turn, or, where later calls go on with them, one of each. */
  const candidates = whole
    .slice(0, needs.candidates ? ((needs.refresh ?? 1) > 1 ? whole.length : 1) : 0)
    .map((layer) => backend.plan(`candidates ${layer}`, listsOf(needs)));
  const scores = chunks && backend.scores('scores', listsOf(needs));
  const marksUpTo = needs.chunks?.boundaries.source === 'delimiters' ? around.marks : () => NO_MARKS;
  const segment = (tokens: number): void => {
    if (chunks) backend.segment(chunks, source!, tokens, marksUpTo(tokens));
  };
  const kept = createKeptStates(backend, layers);
  const residency = createResidency({
    ...{ backend, layers, windows: config.attention.map(({ window }) => window) },
    ...{ segmentTokens: around.segmentTokens, budget: around.budget, rest: around.rest },
    whole: needs.wholeContext || (around.retain?.wholeContext ?? false),
    bytes: () => ({
      beside: around.tokens.length * TOKEN_BYTES + kept.bytes,
      // A layer's summaries move when they grow.
      reserve: chunks ? backend.bytes().chunks / whole.length : 0,
    }),
    async openFrom(tokens) {
      const page = Math.floor(tokens / PAGE) * PAGE;
      if (!chunks) return page;
      const { boundaries } = chunks.shape;
      const left = boundaries.source === 'contrast' ? 2 * boundaries.window : 0;
      return Math.max(0, Math.min(page - left, (await backend.readBoundaries(chunks)).at(-1)!));
    },
  });

  const turnings = layers.map((_, layer) => turningOf(config, layer));
  const retention = around.retain?.open({
    ...{ backend, heads: config.heads, scale: config.attentionScale, softcap: config.attentionCap },
    layers: whole.map((layer) => layers[layer]!),
    turning: {
      pairing: config.rope.pairing,
      angles: (place, position, rows) => turnings[whole[place]!]?.angles(position, rows),
    },
    keepPages: (place, kept) => residency.kept.keep(whole[place]!, kept),
  });
  const predictors = choosers.map((own, layer) => {
    const place = whole.indexOf(layer);
    return retention && place >= 0 ? retention.over(own, place) : own;
  });
  const plans = predictors.map((own, layer) => backend.plan(`plan ${layer}`, listsOf(own.needs)));

  /** Of every layer, what its predictor meets in all calls. */
  const met = layers.map((_, layer) => {
    const place = whole.indexOf(layer);
    return { place, turned: turnings[layer], candidates: candidates[Math.min(place, candidates.length - 1)] };
  });

  return {
    backend,
    layers,
    recurs: config.state !== undefined,
    chunks,
    residency,
    retention,
    observer: (layer, tiles) => {
      const place = whole.indexOf(layer);
      if (place < 0 || !retention?.observes(tiles)) return undefined;
      return (q) => retention.observe(place, q, plans[layer]!);
    },
    amendment: (layer, rows) => {
      const place = whole.indexOf(layer);
      return place < 0 ? undefined : retention?.amendment(place, rows);
    },
    plans,
    predictors,
    how,
    index: (layer, tokens) => {
      const place = whole.indexOf(layer);
      if (!chunks || place < 0) return;
      if (place === 0) segment(tokens);
      backend.summarize(chunks, place, layers[layer]!);
    },
    predictInput: (layer, tiles, q, scale) => {
      const { place, turned, candidates } = met[layer]!;
      return { layer: place, tiles, q, kv: layers[layer]!, scale, turned, chunks, scores, candidates };
    },
    resident: () => ({
      pages: layers.reduce((sum, kv) => sum + kv.resident, 0),
      bytes: layers.reduce((sum, kv) => sum + kv.resident * kv.pageBytes, 0),
    }),
    keep: kept.keep,
    cutChunks: segment,
    cutTo: (tokens) => {
      const pages = Math.ceil(tokens / PAGE);
      for (const kv of layers) {
        backend.mapPages(kv, Math.min(kv.pages, pages));
        // A state in the middle of its page is of the rows that came last.
        const another = kv.shape.state && tokens % PAGE !== 0 && kv.met !== tokens;
        if (another && kv.pages === pages) backend.dropPages(kv, [pages - 1]);
      }
      kept.back(tokens);
      segment(tokens);
      residency.forget(tokens);
    },
    release: () => {
      residency.release();
      retention?.release();
      for (const thing of [...layers, ...plans, ...candidates, chunks, scores])
        if (thing) backend.free(thing);
    },
  };
};
