import { baseOf, QUARTER } from './lab/methods.js';
import { median } from './median.js';

/** One text read with a method, and questions about it. Seconds. */
export interface Timed {
  readonly tokens: number;
  readonly read: number;
  readonly first: number;
  /** The middle one of those behind the first. */
  readonly answer: number;
  readonly density: { readonly prefill: number; readonly decode: number };
}

/** A method, and dense attention just before. */
export interface Cost {
  readonly length: number;
  readonly method: string;
  readonly round: number;
  readonly dense: Timed;
  readonly mine: Timed;
}

const percent = (share: number): string => (100 * share).toFixed(0);

const cells = (costs: readonly Cost[]): string[] => {
  if (costs.length === 0) return ['', ''];
  const times = (what: 'read' | 'answer'): string =>
    median(costs.map(({ mine, dense }) => mine[what] / dense[what])).toFixed(2);
  const { prefill, decode } = costs[0]!.mine.density;
  return [`${times('read')} (${percent(prefill)})`, `${times('answer')} (${percent(decode)})`];
};

/** A row for a method, a pair of columns for each length and share of the text: times of dense attention's, densities. */
export const costTable = (results: readonly Cost[]): string => {
  const lengths = [...new Set(results.map(({ length }) => length))].sort((a, b) => a - b);
  const names = new Set(results.map(({ method }) => baseOf(method)));
  const columns = lengths.flatMap((length) => ['', QUARTER].map((share) => ({ length, share })));
  const of = (length: number, method: string): Cost[] =>
    results.filter((r) => r.length === length && r.method === method);
  const titles = columns.flatMap(({ length, share }) => {
    const tokens = results.find((r) => r.length === length)!.mine.tokens.toLocaleString('en');
    return [`${tokens}, ${share ? '25' : '12.5'} %: reading`, 'answering'];
  });
  const rows = [...names].map((name) => {
    const row = columns.flatMap(({ length, share }) => cells(of(length, name + share)));
    return `| ${name} | ${row.join(' | ')} |`;
  });
  return [`| method | ${titles.join(' | ')} |`, `|---|${titles.map(() => '---:').join('|')}|`, ...rows].join(
    '\n',
  );
};
