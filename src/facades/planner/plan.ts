import type { AttentionOptions, KvOptions, RetentionOptions } from '../../index.js';
import { answerSeconds, type Costs, type Reads, readSeconds } from './costs.js';
import { type Holding, holdAll, holdSome, pageBytesOf } from './memory.js';

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
  /**
   * For `load`, beside `memory`: the most exact codecs that `memory` has room for, and as many channels as the model that was
   * measured kept. Missing: what was measured with.
   */
  readonly kv?: Pick<KvOptions, 'keys' | 'values' | 'keyChannels' | 'valueChannels'>;
  /** For `load`, where no codec is small enough: what is kept in memory for an answer. Missing: everything. */
  readonly retention?: RetentionOptions;
  /** Tokens that an answer may read. */
  readonly keptTokens: number;
  readonly readSeconds: number;
  /** Of one more token of an answer. */
  readonly answerSeconds: number;
  /** Reading once, and all answers. */
  readonly totalSeconds: number;
  /** Bytes of the text in memory, if all of it is to be there, or while an answer is written at most what is kept of it. */
  readonly bytes: number;
  /** Those of them that are pages, as `stats().bytes.pages` counts them. Missing where pages were not measured. */
  readonly pageBytes?: number;
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

/** What is not pages of what a text takes. */
const besides = ({ bytes, pages }: Costs, tokens: number): number =>
  pages ? Math.max(0, bytes * tokens - (pageBytesOf(64, pages) * tokens) / 64) : bytes * tokens;

const forecast = (
  costs: Costs,
  { reads, attention }: (typeof WAYS)[number],
  { tokens, questions = 10, answer = 100, memory = Number.POSITIVE_INFINITY }: Purpose,
  held: Holding | undefined,
): Forecast => {
  const read = readSeconds(costs, reads, tokens);
  const each = answerSeconds(costs, reads, held?.kept ?? tokens);
  const bytes = besides(costs, tokens) + (held?.pageBytes ?? 0);
  return {
    ...{ attention, keptTokens: held?.kept ?? tokens, readSeconds: read, answerSeconds: each },
    ...(held && { kv: held.kv, pageBytes: held.pageBytes }),
    ...(held?.retention && { retention: held.retention }),
    totalSeconds: read + questions * answer * each,
    ...{ bytes, fits: bytes <= memory, breakEven: breakEven(costs, reads) },
  };
};

/**
 * What each way to read a text and to answer is expected to cost with the model that was measured, the fastest in all first.
 * Where memory is short, values give up bits first, then keys, where they may; then there is a way more, which reads
 * everything and answers from a part. It foretells time and memory, not quality: docs/METHODS.md has what each finds.
 */
export const plan = (costs: Costs, purpose: Purpose): Forecast[] => {
  const { tokens, memory = Number.POSITIVE_INFINITY } = purpose;
  const { pages } = costs;
  const room = memory - besides(costs, tokens);
  const all = pages && holdAll(tokens, pages, room);
  const some = pages && all!.pageBytes > room ? holdSome(tokens, pages, room) : undefined;
  return [
    ...WAYS.map((way) => forecast(costs, way, purpose, all)),
    ...(some ? [forecast(costs, WAYS[0]!, purpose, some)] : []),
  ].sort((a, b) => a.totalSeconds - b.totalSeconds);
};
