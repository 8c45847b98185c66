import { interval, mean } from './lab/intervals.js';
import { baseOf, QUARTER } from './lab/methods.js';

/** One text read with one method: which of its questions were answered rightly, and what that cost. */
export interface NeedleResult {
  readonly length: number;
  readonly method: string;
  readonly text: number;
  readonly right: readonly boolean[];
  readonly tokens: number;
  readonly density: number;
  readonly decodeDensity: number;
  readonly prefillSeconds: number;
}

const share = ({ right }: NeedleResult): number => mean(right.map(Number));
const percent = (x: number): string => (100 * x).toFixed(1);
const itemsOf = (results: readonly NeedleResult[]): number =>
  results.reduce((sum, { right }) => sum + right.length, 0);

/** Right, the difference to dense paired text by text, and realised densities. */
const cells = (mine: readonly NeedleResult[], dense: ReadonlyMap<number, number>): string[] => {
  if (mine.length === 0) return ['', '', ''];
  const differences = mine.filter((r) => dense.has(r.text)).map((r) => share(r) - dense.get(r.text)!);
  const [low, high] = interval(differences);
  const isDense = mine[0]!.method === 'dense';
  return [
    percent(mean(mine.map(share))),
    isDense ? '' : `${percent(mean(differences))} (${percent(low)} to ${percent(high)})`,
    `${percent(mean(mine.map((r) => r.density)))} / ${percent(mean(mine.map((r) => r.decodeDensity)))}`,
  ];
};

/** A Markdown table: one row a length and method, with an eighth of the text and, where that was measured, with a quarter. */
export const needleTables = (results: readonly NeedleResult[]): string => {
  const lengths = [...new Set(results.map(({ length }) => length))].sort((a, b) => a - b);
  const bases = results.map(({ method }) => baseOf(method));
  const of = (length: number, method: string): NeedleResult[] =>
    results.filter((r) => r.length === length && r.method === method);
  const rows = [
    '| tokens read | method | items | right % | minus dense, points (95 %) | density %, reading / answers | a quarter: right % | minus dense | density % |',
    '|---:|---|---:|---:|---|---|---:|---|---|',
  ];
  for (const length of lengths) {
    const dense = new Map(of(length, 'dense').map((r) => [r.text, share(r)]));
    for (const method of new Set(bases)) {
      const [eighth, quarter] = [of(length, method), of(length, method + QUARTER)];
      const some = eighth.length > 0 ? eighth : quarter;
      if (some.length === 0) continue;
      const items = [...new Set([eighth, quarter].map(itemsOf).filter((n) => n > 0))].join(' / ');
      const tokens = Math.round(mean(some.map((r) => r.tokens))).toLocaleString('en');
      rows.push(
        `| ${[tokens, method, items, ...cells(eighth, dense), ...cells(quarter, dense)].join(' | ')} |`,
      );
    }
  }
  return rows.join('\n');
};
