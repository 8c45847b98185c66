import { PAGE } from '../backends/backend.js';

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
   * text the first of its tile, since a tile's plan depends on all its rows; elsewhere the row itself.
   */
  tileStart(position: number): number;
  load(from: Iterable<Span>): void;
  /** Leading tokens that are text. */
  readonly text: number;
  [Symbol.iterator](): Iterator<Span>;
}

export const createSpans = (): Spans => {
  let spans: Span[] = [];
  const startOf = (span: Span): number => spans[spans.indexOf(span) - 1]?.end ?? 0;
  const at = (position: number): Span =>
    spans.find((span) => position < span.end) ?? { end: position, exact: true };
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
    tileStart(position) {
      const span = spans.find(({ end }) => position < end) ?? spans.at(-1);
      if (!span || span.exact) return position;
      return Math.max(startOf(span), Math.floor(position / PAGE) * PAGE);
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
