import type { AttentionOptions } from '../../index.js';
import { answerSeconds, type Costs, type Reads, readSeconds } from './costs.js';

/** What is to be done. */
export interface Purpose {
  /** Tokens of the text. */
  readonly tokens: number;
  /** Questions that will be asked of it. Default 10. */
  readonly questions?: number;
  /** Tokens of an answer. Default 100. */
  readonly answer?: number;
  /** Bytes that texts may take in memory (`kv.memory`). Default: as many as they need. */
  readonly memory?: number;
}

/** One way to do it, and what it is expected to cost. */
export interface Forecast {
  /** For `load`. */
  readonly attention: AttentionOptions;
  readonly readSeconds: number;
  /** Of one more token of an answer. */
  readonly answerSeconds: number;
  /** Reading once, and all answers. */
  readonly totalSeconds: number;
  /** Bytes of the text in memory, if all of it is to be there. */
  readonly bytes: number;
  /** Whether that is within `memory`. Where it is not, pages come from the store while it answers: slower than foretold. */
  readonly fits: boolean;
  /** Length from which reading takes less time than dense attention; Infinity: never. */
  readonly breakEven: number;
}

const WAYS: readonly { readonly reads: Reads; readonly attention: AttentionOptions }[] = [
  { reads: { method: 'dense' }, attention: { method: 'dense' } },
  { reads: { method: 'dhsa', budget: 2048 }, attention: { method: 'auto' } },
  { reads: { method: 'dhsa', budget: 4096 }, attention: { method: 'auto', budget: 4096 } },
  { reads: { method: 'dhsa', density: 0.25 }, attention: { method: 'dhsa', density: 0.25 } },
  { reads: { method: 'dhsa', density: 0.125 }, attention: { method: 'dhsa', density: 0.125 } },
];

const LONGEST = 2 ** 20;

/** The first length, in steps of 256, from which a way reads faster than dense attention. */
const breakEven = (costs: Costs, reads: Reads): number => {
  if (reads.method === 'dense') return 0;
  for (let tokens = 256; tokens <= LONGEST; tokens += 256) {
    if (readSeconds(costs, reads, tokens) < readSeconds(costs, { method: 'dense' }, tokens)) return tokens;
  }
  return Number.POSITIVE_INFINITY;
};

/**
 * What each way to read a text and to answer is expected to cost with the model that was measured, the fastest in all first.
 * It foretells time and memory, not quality: docs/METHODS.md has what each finds.
 */
export const plan = (costs: Costs, purpose: Purpose): Forecast[] => {
  const { tokens, questions = 10, answer = 100, memory = Number.POSITIVE_INFINITY } = purpose;
  const bytes = costs.bytes * tokens;
  return WAYS.map(({ reads, attention }): Forecast => {
    const read = readSeconds(costs, reads, tokens);
    const each = answerSeconds(costs, reads, tokens);
    return {
      ...{ attention, readSeconds: read, answerSeconds: each },
      totalSeconds: read + questions * answer * each,
      ...{ bytes, fits: bytes <= memory, breakEven: breakEven(costs, reads) },
    };
  }).sort((a, b) => a.totalSeconds - b.totalSeconds);
};
