import { interval, mean } from './lab/intervals.js';

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

/** Markdown tables: one row a method and length, the difference to dense paired text by text. */
export const needleTables = (results: readonly NeedleResult[]): string => {
  const lengths = [...new Set(results.map(({ length }) => length))].sort((a, b) => a - b);
  const methods = [...new Set(results.map(({ method }) => method))];
  const rows: string[] = [
    '| tokens read | method | items | right % | minus dense, points (95 %) | realised density, prefill / question and answer |',
    '|---:|---|---:|---:|---|---|',
  ];
  for (const length of lengths) {
    const dense = new Map(
      results.filter((r) => r.length === length && r.method === 'dense').map((r) => [r.text, share(r)]),
    );
    for (const method of methods) {
      const mine = results.filter((r) => r.length === length && r.method === method);
      if (mine.length === 0) continue;
      const differences = mine.filter((r) => dense.has(r.text)).map((r) => share(r) - dense.get(r.text)!);
      const [low, high] = interval(differences);
      const against =
        method === 'dense' ? '' : `${percent(mean(differences))} (${percent(low)} to ${percent(high)})`;
      rows.push(
        `| ${Math.round(mean(mine.map((r) => r.tokens))).toLocaleString('en')} | ${method} | ${mine.reduce((sum, r) => sum + r.right.length, 0)} | ${percent(mean(mine.map(share)))} | ${against} | ${percent(mean(mine.map((r) => r.density)))} % / ${percent(mean(mine.map((r) => r.decodeDensity)))} % |`,
      );
    }
  }
  return rows.join('\n');
};
