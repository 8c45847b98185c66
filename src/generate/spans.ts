import { PAGE, type Tiles } from '../backends/backend.js';
import type { Needs } from '../predictors/predictor.js';

/** A run of tokens that ends before `end`, read in tiles (text) or row by row (`exact`: questions and answers). */
export interface Span {
  end: number;
  readonly exact: boolean;
}

/** How the tokens of a context are read, run by run. */
export interface Spans {
  /** Tokens [last end, end) are of this kind. */
  add(end: number, exact: boolean): void;
  /** The run that holds `position`. */
  at(position: number): Span;
  cut(tokens: number): void;
  /**
   * The first row that must be computed together with the row at `position`, which lies in or right behind a run: in
   * text the first of its tile, since a tile's plan depends on all its rows; elsewhere the first of those that share
   * its plan or its candidates.
   */
  tileStart(position: number): number;
  /** The last place up to `position` where reading can go on, and where rows begin that are computed together. */
  restart(position: number, reach: (position: number) => number): number;
  /**
   * The rows of one call from `position` on: to `tokens`, or the end of the run, or a tile or group that was begun; of text to
   * the end of the segment, of rows of their own at most a segment's and `mostRows`, none beyond the `edge`, and whole groups
   * if that makes one. Default: no limit.
   */
  call(position: number, tokens: number, segmentTokens: number, mostRows?: number): Tiles;
  load(from: Iterable<Span>): void;
  /** Leading tokens that are text. */
  readonly text: number;
  [Symbol.iterator](): Iterator<Span>;
}

/** What is read: a token list, and how each run of it is. */
export interface Text {
  readonly tokens: readonly number[];
  readonly spans: Spans;
  /** Throws once its context was closed. */
  assertOpen(): void;
}

/**
 * `reuse`, `refresh`: rows that share a plan, or candidates, where they are read row by row; both divide PAGE. `edge`: where
 * such rows begin to be planned otherwise.
 */
export const createSpans = ({
  reuse = 1,
  refresh = 1,
  edge = 0,
}: Pick<Needs, 'reuse' | 'refresh' | 'edge'> = {}): Spans => {
  const group = Math.max(reuse, refresh);
  let spans: Span[] = [];
  const startOf = (span: Span): number => spans[spans.indexOf(span) - 1]?.end ?? 0;
  const at = (position: number): Span =>
    spans.find((span) => position < span.end) ?? { end: position, exact: true };
  const tileStart = (position: number): number => {
    const span = spans.find(({ end }) => position < end) ?? spans.at(-1);
    // Right behind rows of their own anything may follow.
    if (!span || (span.exact && position >= span.end)) return position;
    const rows = span.exact ? group : PAGE;
    return Math.max(startOf(span), Math.floor(position / rows) * rows);
  };
  return {
    add(end, exact) {
      const last = spans.at(-1);
      if (last?.exact === exact) last.end = end;
      else if (end > (last?.end ?? 0)) spans.push({ end, exact });
    },
    at,
    cut(tokens) {
      const kept = spans.filter((span) => startOf(span) < tokens);
      spans = kept.map((span) => ({ ...span, end: Math.min(span.end, tokens) }));
    },
    tileStart,
    restart(position, reach) {
      const start = tileStart(reach(position));
      return start === position ? start : this.restart(start, reach);
    },
    call(position, tokens, segmentTokens, mostRows = Number.POSITIVE_INFINITY) {
      const { end, exact } = at(position);
      const tileRows = exact ? reuse : PAGE;
      const segmentEnd = (Math.floor(position / segmentTokens) + 1) * segmentTokens;
      const most = position + Math.min(mostRows, segmentTokens);
      const whole = Math.floor(most / group) * group;
      const cut = Math.min(whole > position ? whole : most, position < edge ? edge : most);
      const until = Math.min(end, tokens, exact ? cut : segmentEnd);
      if (!exact || tileStart(position) === position) return { position, rows: until - position, tileRows };
      const groupEnd = (Math.floor(position / group) + 1) * group;
      return { position, rows: Math.min(until, groupEnd) - position, tileRows, continues: true };
    },
    load(from) {
      spans = Array.from(from, ({ end, exact }) => ({ end, exact }));
    },
    get text() {
      const first = spans[0];
      return first && !first.exact ? first.end : 0;
    },
    [Symbol.iterator]: () => spans[Symbol.iterator](),
  };
};
