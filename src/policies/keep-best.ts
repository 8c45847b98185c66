import type { Range } from '../backends/backend.js';

/** What is kept of one head whatever its scores, and in which pieces the rest is chosen. */
export interface Forced {
  readonly tokens: number;
  readonly sinks: number;
  readonly recent: number;
  /** Tokens that are kept or dropped together, aligned to absolute positions; their score is the greatest among them. */
  readonly grain: number;
}

/** Tokens between sinks and the recent ones. */
export const choosable = ({ tokens, sinks, recent }: Forced): Range => {
  const from = Math.min(sinks, tokens);
  return [from, Math.max(from, tokens - recent)];
};

/** Scores of the pieces [from, to) is cut into. */
const pieceScores = (scores: Float32Array, [from, to]: Range, grain: number): Float32Array => {
  const first = Math.floor(from / grain);
  const pieces = new Float32Array(Math.max(0, Math.ceil(to / grain) - first)).fill(Number.NEGATIVE_INFINITY);
  for (let t = from; t < to; t++) {
    const piece = Math.floor(t / grain) - first;
    if (scores[t]! > pieces[piece]!) pieces[piece] = scores[t]!;
  }
  return pieces;
};

/**
 * Sinks, the recent tokens, and of those between whole pieces in descending score order while they fit into `budget` tokens,
 * forced ones included; of equals the later first. What has no score above −∞ is not kept.
 */
export const keepBest = (scores: Float32Array, budget: number, forced: Forced): Range[] => {
  const { tokens, grain } = forced;
  const [from, to] = choosable(forced);
  const room = budget - from - (tokens - to);
  const pieces = pieceScores(scores, [from, to], grain);
  const wanted =
    room >= to - from ? pieces.length : Math.min(pieces.length, Math.max(0, Math.floor(room / grain)));
  const sorted = pieces.slice().sort();
  const least = wanted === 0 ? Number.POSITIVE_INFINITY : sorted[sorted.length - wanted]!;
  let ties = wanted - pieces.reduce((sum, score) => sum + Number(score > least), 0);
  const kept: Range[] = [[to, tokens]];
  for (let piece = pieces.length - 1; piece >= 0; piece--) {
    const score = pieces[piece]!;
    if (score === Number.NEGATIVE_INFINITY || score < least || (score === least && ties-- <= 0)) continue;
    const at = (Math.floor(from / grain) + piece) * grain;
    kept.push([Math.max(from, at), Math.min(to, at + grain)]);
  }
  return [...kept, [0, from] as Range].reverse();
};

/** Each score replaced by the greatest of the `width` around it (SnapKV's clusters: neighbours of what matters matter). */
export const pooled = (scores: Float32Array, width: number): Float32Array => {
  const reach = Math.floor(width / 2);
  if (reach === 0) return scores;
  return scores.map((score, t) => {
    let most = score;
    if (score === Number.NEGATIVE_INFINITY) return score;
    for (let other = Math.max(0, t - reach); other <= Math.min(scores.length - 1, t + reach); other++) {
      most = Math.max(most, scores[other]!);
    }
    return most;
  });
};
