import { QUARTER } from './lab/methods.js';

/** One text read with a method, and two questions about it. Seconds. */
export interface Cost {
  readonly length: number;
  readonly method: string;
  readonly round: number;
  readonly tokens: number;
  readonly read: number;
  readonly first: number;
  readonly second: number;
  readonly density: { readonly prefill: number; readonly decode: number };
}

const least = (costs: readonly Cost[], what: 'read' | 'second'): number =>
  Math.min(...costs.map((c) => c[what]));
const percent = (share: number): string => (100 * share).toFixed(0);

/** A row for a method, a pair of columns for each length and share of the text: times as dense attention takes, densities. */
export const costTable = (results: readonly Cost[]): string => {
  const lengths = [...new Set(results.map(({ length }) => length))].sort((a, b) => a - b);
  const names = [
    ...new Set(
      results.map(({ method }) => (method.endsWith(QUARTER) ? method.slice(0, -QUARTER.length) : method)),
    ),
  ];
  const of = (length: number, method: string): Cost[] =>
    results.filter((r) => r.length === length && r.method === method);
  const cells = (length: number, method: string): string[] => {
    const [mine, dense] = [of(length, method), of(length, 'dense')];
    if (mine.length === 0 || dense.length === 0) return ['', ''];
    const times = (what: 'read' | 'second'): string => (least(mine, what) / least(dense, what)).toFixed(2);
    const { prefill, decode } = mine[0]!.density;
    return [`${times('read')} (${percent(prefill)})`, `${times('second')} (${percent(decode)})`];
  };
  const columns = lengths.flatMap((length) => ['', QUARTER].map((share) => ({ length, share })));
  const titles = columns.flatMap(({ length, share }) => {
    const tokens = of(length, 'dense')[0]?.tokens ?? length;
    const title = `${tokens.toLocaleString('en')}, ${share ? '25' : '12.5'} %`;
    return [`${title}: reading`, 'answering'];
  });
  const header = [`| method | ${titles.join(' | ')} |`, `|---|${titles.map(() => '---:').join('|')}|`];
  const rows = names.map((name) => {
    const row = columns.flatMap(({ length, share }) => cells(length, name + share));
    return `| ${name} | ${row.join(' | ')} |`;
  });
  return [...header, ...rows].join('\n');
};
