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

/** Ranges of the given tokens, which come in any order. */
const rangesOf = (tokens: readonly number[]): Range[] => {
  const ranges: [number, number][] = [];
  for (const token of Int32Array.from(tokens).sort()) {
    const last = ranges.at(-1);
    if (last?.[1] === token) last[1] = token + 1;
    else ranges.push([token, token + 1]);
  }
  return ranges;
};

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
    (keys, shape) => {
      clustered += 1;
      return clusterKeys(keys, shape, size);
    },
    {
      // The number goes up whenever clusters are made in another way.
      name: `clusters 1 run=${RUN} size=${size}`,
      encode: placesOf,
      decode: (bytes, keys, shape) => clustersFrom(bytes, keys, shape, size),
    },
  );

  /** By how much of a group's attention a mean would draw, cluster by cluster of one list. */
  const wanted = (all: readonly KeyClusters[], queries: Float32Array, scale: number): Float64Array => {
    const count = all.reduce((sum, { members }) => sum + members.length, 0);
    const dim = all[0]!.means.length / all[0]!.members.length;
    const sums = new Float64Array(count);
    for (let at = 0; at < queries.length; at += dim) {
      const logits = all.flatMap(({ means, members }) =>
        members.map((own, cluster) => {
          let dot = 0;
          for (let c = 0; c < dim; c++) dot += queries[at + c]! * means[cluster * dim + c]!;
          return own.length > 0 ? scale * dot : Number.NEGATIVE_INFINITY;
        }),
      );
      const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      const weights = logits.map((logit) => Math.exp(logit - most) || 0);
      const sum = weights.reduce((a, b) => a + b, 0) || 1;
      for (let i = 0; i < count; i++) sums[i] = sums[i]! + weights[i]! / sum;
    }
    return sums;
  };

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
      const sums = wanted(own, queries.subarray(at, at + group), scale);
      const members = own.flatMap((some, run) => some.members.map((tokens) => ({ tokens, from: run * RUN })));
      const order = [...sums.keys()].sort((a, b) => sums[b]! - sums[a]! || b - a);
      const named: number[] = [];
      for (const cluster of order) {
        if (named.length >= factor * budgetAt(keep, end)) break;
        const { tokens, from } = members[cluster]!;
        for (const token of tokens) named.push(from + token);
      }
      return [[0, keep.sinks], open, ...rangesOf(named)];
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
    signature: `retrieval candidates=${factor} run=${RUN} size=${size} ${keepSignature(keep)}`,
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
