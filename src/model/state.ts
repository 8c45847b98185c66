import {
  type Backend,
  type ChunkIndex,
  type KvLayer,
  type KvShape,
  PAGE,
  type Plan,
  type Scores,
  type Tensor,
  type Tiles,
} from '../backends/backend.js';
import type { PredictInput, Predictor } from '../predictors/predictor.js';
import type { ModelConfig } from './config.js';

/** The device side of one context: pages, chunk index and plans of every layer. */
export interface ContextState {
  readonly layers: readonly KvLayer[];
  readonly chunks: ChunkIndex | undefined;
  readonly plans: readonly Plan[];
  /** marks(n)[i] = 1 where a sentence or line ends with the token at position i < n; empty where nobody reads them. */
  marks(tokens: number): Uint8Array;
  predictInput(layer: number, tiles: Tiles, q: Tensor, scale: number): PredictInput;
  /** Pages that have memory, in all layers, and their bytes. */
  resident(): { pages: number; bytes: number };
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

/** The shape of every layer's pages. */
export const kvShapeOf = (config: ModelConfig, codecs: PageCodecs): KvShape => ({
  kvHeads: config.kvHeads,
  keyDim: config.headDim,
  valueDim: config.valueDim,
  ...codecs,
});

/** Device state as `predictor` needs it. `marks` gives the delimiter marks of the context's tokens. */
export const createState = (
  backend: Backend,
  config: ModelConfig,
  codecs: PageCodecs,
  predictor: Predictor,
  marks: (tokens: number) => Uint8Array,
): ContextState => {
  const shape = kvShapeOf(config, codecs);
  const { needs } = predictor;
  const lists = needs.lists === 'kv-head' ? config.kvHeads : 1;
  const numbers = Array.from({ length: config.layers }, (_, layer) => layer);
  const layers = numbers.map((layer) => backend.kvLayer(`kv ${layer}`, shape));
  const plans = numbers.map((layer) => backend.plan(`plan ${layer}`, lists));
  const chunks = needs.chunks
    ? backend.chunkIndex('chunks', {
        ...needs.chunks,
        layers: config.layers,
        kvHeads: config.kvHeads,
        keyDim: config.headDim,
      })
    : undefined;
  const readsMarks = needs.chunks?.boundaries.source === 'delimiters';
  const candidates = needs.candidates ? backend.plan('candidates', lists) : undefined;
  const scores: Scores | undefined = chunks && backend.scores('scores', lists);
  const marksUpTo = readsMarks ? marks : () => NO_MARKS;

  return {
    layers,
    chunks,
    plans,
    marks: marksUpTo,
    predictInput: (layer, tiles, q, scale) => ({
      layer,
      tiles,
      q,
      kv: layers[layer]!,
      scale,
      ...(chunks && { chunks }),
      ...(scores && { scores }),
      ...(candidates && { candidates }),
    }),
    resident: () => ({
      pages: layers.reduce((sum, kv) => sum + kv.pages, 0),
      bytes: layers.reduce((sum, kv) => sum + kv.pages * kv.pageBytes, 0),
    }),
    cutTo: (tokens) => {
      const pages = Math.ceil(tokens / PAGE);
      for (const kv of layers) backend.mapPages(kv, Math.min(kv.pages, pages));
      const [first] = layers;
      if (chunks && first) backend.segment(chunks, first, tokens, marksUpTo(tokens));
    },
    release: () => {
      for (const thing of [...layers, ...plans, chunks, candidates, scores]) if (thing) backend.free(thing);
    },
  };
};
