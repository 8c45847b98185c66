import { type Backend, type ChunkIndex, PAGE, type Scores } from '../backends/backend.js';
import { knownBoundary } from '../kv/chunks.js';
import { type Forward, queriesOf } from '../model/forward.js';

/** A run of tokens, and how much of it went into an answer. */
export interface Source {
  /** Tokens [start, end) of the session; the method's own chunks, or runs of 32 tokens where it has none. */
  readonly start: number;
  readonly end: number;
  /** Share of the attention mass, above 0; of all sources together 1. */
  readonly share: number;
  /**
   * `sinks`: the first chunks, up to token 16, where attention rests when it wants nothing else. `recent`: the question,
   * the answer, and the text right before them, from the last chunk on that begins at least 64 tokens before the
   * question. `text`: what lies between, read because of what it says.
   */
  readonly part: 'sinks' | 'text' | 'recent';
}

/** Called between the plan of a layer and its attention. */
export type Watch = (call: Forward, layer: number) => Promise<void>;

/** Measures what the rows of an answer read. */
export interface Sources {
  readonly watch: Watch;
  /** In ascending order; empty where nothing was watched, or where every layer has a window of its own. */
  end(): Source[];
  /** Give back the memory on the device. Twice is no error. */
  release(): void;
}

/** Tokens in a run where the method has no chunks. */
const RUN = 32;
const SINKS = 16;

interface Device {
  readonly backend: Backend;
  readonly scores: Scores;
  readonly index: ChunkIndex;
  /** Not the context's own. */
  readonly made: ChunkIndex | undefined;
  /** Boundaries of the chunks that count, the last one where `recent` begins. */
  readonly edges: Uint32Array;
}

/** `text`: tokens before the question. Only rows behind them may be watched, one at a time. */
export const createSources = (text: number): Sources => {
  let device: Device | undefined;
  let mass = new Float64Array(0);
  /** Softmaxes that were watched; each has a mass of 1. */
  let softmaxes = 0;
  let tokens = text;

  const open = async ({ backend, state }: Forward, layer: number): Promise<Device> => {
    const { kvHeads, keyDim } = state.layers[layer]!.shape;
    const nothing = { layers: 0, kvHeads, keyDim, means: false, sketches: false };
    const boundaries = { source: 'fixed', size: RUN } as const;
    const made = state.chunks ? undefined : backend.chunkIndex('sources', { ...nothing, boundaries });
    const index = state.chunks ?? made!;
    if (made) backend.segment(made, state.layers[layer]!, text, new Uint8Array(0));
    // The first row knows the fewest chunks: those that the pages before its own have closed.
    const last = Math.max(0, Math.min(text - PAGE, knownBoundary(index.shape.boundaries, text)));
    const edges = (await backend.readBoundaries(index)).filter((edge) => edge <= last);
    mass = new Float64Array(Math.max(0, edges.length - 1));
    softmaxes = 0;
    const scores = backend.scores('sources', state.plans[layer]!.lists);
    return { backend, scores, index, made, edges };
  };

  return {
    async watch(call, layer) {
      const { backend, config, state, tiles } = call;
      if (config.attention[layer]!.window !== undefined) return;
      // What was made on a device that is lost is of no use on the next.
      if (device?.backend !== call.backend) device = await open(call, layer);
      const { scores, index } = device;
      const kv = state.layers[layer]!;
      const q = queriesOf(call, layer);
      backend.scoreTokens(scores, q, kv, index, state.plans[layer]!, config.attentionScale);
      for (const row of await backend.readScores(scores)) {
        for (let c = 0; c < mass.length; c++) if (row[c]! > 0) mass[c]! += row[c]!;
      }
      softmaxes += tiles.rows * config.heads;
      tokens = Math.max(tokens, tiles.position + tiles.rows);
    },

    end() {
      if (!device || softmaxes === 0) return [];
      const { edges } = device;
      const sources = Array.from(mass, (total, c): Source => {
        const start = edges[c]!;
        return {
          start,
          end: edges[c + 1]!,
          share: total / softmaxes,
          part: start < SINKS ? 'sinks' : 'text',
        };
      });
      const share = Math.max(0, 1 - sources.reduce((sum, source) => sum + source.share, 0));
      sources.push({ start: edges.at(-1)!, end: tokens, share, part: 'recent' });
      return sources.filter((source) => source.share > 0);
    },

    release() {
      if (!device) return;
      device.backend.free(device.scores);
      if (device.made) device.backend.free(device.made);
      device = undefined;
    },
  };
};
