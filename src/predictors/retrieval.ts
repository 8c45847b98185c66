import { type Backend, PAGE, type Range, wholeEnd } from '../backends/backend.js';
import { keepNotes } from '../kv/kept-notes.js';
import { onlyKnown, wholeNumber } from '../options.js';
import {
  BUDGET_OPTIONS,
  type BudgetOptions,
  budgetAt,
  EVERYTHING,
  fits,
  keepOf,
  keepSignature,
} from './budget.js';
import { clusterKeys, clustersFrom, type KeyClusters, placesOf } from './key-clusters.js';
import { tokensFor } from './named-clusters.js';
import { createPageNotes } from './page-notes.js';
import { writePattern } from './pattern.js';
import type { PredictInput, Predictor } from './predictor.js';
import { readerOf, readingAndAnswers } from './reading-and-answers.js';

/** Keys looked up in an index. */
export interface RetrievalOptions extends BudgetOptions {
  readonly method: 'retrieval';
  /** How many times the budget the clusters hand over, whose keys are then scored exactly. Default 3. */
  readonly candidates?: number;
  /** Tokens that are clustered together, a multiple of 64. What lies behind the last whole run is looked at key by key. Default 1024. */
  readonly run?: number;
  /** Tokens in a cluster, on average. Default 16. */
  readonly size?: number;
}

/**
 * RetrievalAttention (arXiv 2409.10516 §3) with the inverted file of its successor RetroInfer (arXiv 2505.02922): the keys of a
 * finished text stand in clusters, a row of a question or an answer goes to those whose means it points at most, and reads the best
 * of their tokens. Where we leave both: clusters are of the stored keys alone, whose common part is taken off, since pages hold no
 * queries to build an index with; it is made from the pages at the first question, and then stored with them; what clusters of
 * the rest would add is left out; heads of a group sum what they want. A text is read densely.
 */
export const retrieval = (options: RetrievalOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'candidates', 'run', 'size', ...BUDGET_OPTIONS]);
  const factor = wholeNumber('attention.candidates', options.candidates, 3, 1, 64);
  const pages = Math.ceil(wholeNumber('attention.run', options.run, 1024, PAGE, 65536) / PAGE);
  const size = wholeNumber('attention.size', options.size, 16, 1, 1024);
  const keep = keepOf(options);
  const RUN = pages * PAGE;
  let clustered = 0;
  const clusters = createPageNotes<readonly KeyClusters[]>(
    pages,
    (keys, shape, _, backend) => {
      clustered += 1;
      return clusterKeys(keys, shape, size, backend);
    },
    {
      // The number goes up whenever clusters are made in another way.
      name: `clusters 2 run=${RUN} size=${size}`,
      encode: placesOf,
      decode: (bytes, keys, shape) => clustersFrom(bytes, keys, shape, size),
    },
  );

  const nameCandidates = (backend: Backend, { q, kv, tiles, scale, candidates }: PredictInput): void => {
    const [group, queries] = [q.cols / kv.shape.kvHeads, backend.peek!(q).slice()];
    const runsAt = (start: number): number => Math.floor(start / RUN);
    const index = Array.from({ length: runsAt(tiles.position + tiles.rows - 1) }, (_, run) =>
      clusters.of(backend, kv, run),
    );
    writePattern(backend, candidates!, tiles, ({ list, start, end }) => {
      const runs = runsAt(start);
      const open: Range = [runs * RUN, end];
      if (runs === 0) return [open];
      const own = index.slice(0, runs).map((heads) => heads[list]!);
      const at = (start - tiles.position) * q.cols + list * group;
      const named = tokensFor(
        own,
        RUN,
        queries.subarray(at, at + group),
        scale,
        factor * budgetAt(keep, end),
      );
      return [[0, keep.sinks], open, ...named];
    });
  };

  const answers: Predictor = {
    name: 'retrieval',
    needs: {
      lists: 'kv-head',
      chunks: { boundaries: { source: 'fixed', size: 1 }, means: false, sketches: false },
      candidates: true,
      wholeContext: true,
      host: true,
      prefixStable: true,
    },
    notes: keepNotes(clusters.kept!),
    counts: () => ({ clustered }),
    signature: `retrieval 2 candidates=${factor} run=${RUN} size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles, q, kv, scale, chunks, scores, candidates } = input;
      if (fits(keep, wholeEnd(tiles))) return backend.select(out, tiles, EVERYTHING);
      nameCandidates(backend, input);
      backend.scoreTokens(scores!, q, kv, chunks!, candidates!, scale);
      backend.select(out, tiles, keep, scores!, chunks!);
    },
  };
  return readingAndAnswers(readerOf('dense', {}), answers);
};
