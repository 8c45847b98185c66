import { lot } from './lot.js';
import { type PatternTile, rowOf, type Weigh } from './pattern.js';

/** What of a budget is drawn instead of chosen. */
export interface RestOptions {
  /**
   * Keys of the budget that are drawn from those that are not read otherwise; each counts for as many as it stands for, so that
   * all of them weigh what they would, on average. Default 0: what is not read weighs nothing.
   */
  readonly rest?: number;
}

/** Part of a signature; nothing where nothing is drawn. */
export const restSignature = (rest: number): string => (rest > 0 ? `rest=${rest} ` : '');

/** Of `tokens` the `most` with the lowest lots, ascending: those drawn from some of them are drawn from all of them or gone. */
const drawn = (tokens: readonly number[], most: number, lotOf: (token: number) => number): number[] => {
  if (tokens.length <= most) return [...tokens];
  const lots = Uint32Array.from(tokens, lotOf);
  const last = most > 0 ? lots.slice().sort()[most - 1]! : -1;
  return tokens.filter((_, i) => lots[i]! <= last).slice(0, most);
};

/**
 * The sampled rest of HyperAttention (arXiv 2310.05869 §3, its estimate of the part that no block holds): of the keys before a
 * tile that nothing names, at most `rest` are read, as far as the `room` beside what is forced goes, with the lift
 * ln(unread / drawn). Sums over all of them are then met on average, in the sum of weights and in that of values. The same
 * `keys` draw the same.
 */
export const drawRest =
  (rest: number, room: (tile: PatternTile) => number, ...keys: readonly number[]): Weigh =>
  (ranges, tile) => {
    const unread: number[] = [];
    let at = 0;
    for (const [from, to] of ranges) {
      for (; at < from; at++) unread.push(at);
      at = to;
    }
    const most = Math.max(0, Math.min(rest, room(tile)));
    const own = drawn(unread, most, (token) => lot(token, ...keys, tile.list, tile.start));
    const lift = Math.log(unread.length / own.length);
    const pieces = [
      ...ranges.map((range) => [range, 0] as const),
      ...own.map((token) => [[token, token + 1], lift] as const),
    ];
    return rowOf(pieces.sort(([a], [b]) => a[0] - b[0]));
  };
