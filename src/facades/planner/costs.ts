import type { PageCosts } from './memory.js';

/** What a method reads behind `tokens` tokens. `dhsa`: `auto`'s, exact within its budget. Plain data. */
export type Reads =
  | { readonly method: 'dense' }
  | { readonly method: 'dhsa'; readonly budget: number }
  | { readonly method: 'dhsa'; readonly density: number };

/**
 * Seconds and bytes that things cost on one device with one model. Weights stand in `token` and `step`, since one text is read
 * at a time: where many are, attention alone counts (Kinetics, arXiv 2506.05333 §3, which leaves weights out).
 */
export interface Costs {
  /** Seconds of a token that is read, whatever stands before it. */
  readonly token: number;
  /** Seconds of a pair of a row and a key it reads, all layers and heads together. */
  readonly pair: number;
  /** Seconds of a pair of a row that chooses and a key it chooses from. */
  readonly choice: number;
  /** Seconds of a token of an answer, whatever stands before it. */
  readonly step: number;
  /** Seconds of a key that such a token reads. */
  readonly key: number;
  /** Seconds of a key that it chooses from. */
  readonly look: number;
  /** Bytes in memory of a token of text: pages, summaries, tables. */
  readonly bytes: number;
  /** Of these, what pages take, by codec. Missing: only the codecs that were measured with are foretold. */
  readonly pages?: PageCosts;
}

/** Rows of their own choose beyond so many budgets; before that, `auto` reads everything. */
const ROW_BREAK_EVEN = 2;

const budgetOf = (reads: Reads, tokens: number): number => {
  if (reads.method === 'dense') return tokens;
  return 'budget' in reads ? Math.min(tokens, reads.budget) : reads.density * tokens;
};

/** Pairs of rows and keys that reading a text takes. */
export const pairsOf = (reads: Reads, tokens: number): number => {
  if (reads.method === 'dense') return tokens ** 2 / 2;
  if (!('budget' in reads)) return (reads.density * tokens ** 2) / 2;
  const short = Math.min(tokens, reads.budget);
  return short ** 2 / 2 + (tokens - short) * reads.budget;
};

/** Pairs of rows that choose and keys they choose from: rows within the budget do not choose. */
export const choicesOf = (reads: Reads, tokens: number): number => {
  if (reads.method === 'dense') return 0;
  const exact = 'budget' in reads ? Math.min(tokens, reads.budget) : 0;
  return (tokens ** 2 - exact ** 2) / 2;
};

/** Seconds to read a text of so many tokens. */
export const readSeconds = (costs: Costs, reads: Reads, tokens: number): number =>
  costs.token * tokens + costs.pair * pairsOf(reads, tokens) + costs.choice * choicesOf(reads, tokens);

/** Seconds of one more token of an answer behind so many. */
export const answerSeconds = (costs: Costs, reads: Reads, tokens: number): number => {
  const budget = budgetOf(reads, tokens);
  const exact = reads.method === 'dense' || ('budget' in reads && tokens <= ROW_BREAK_EVEN * reads.budget);
  return costs.step + (exact ? costs.key * tokens : costs.key * budget + costs.look * tokens);
};
