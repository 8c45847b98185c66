import type { Agreement } from './agreement.js';
import type { Outcome } from './evaluate.js';
import { interval, mean, wilson } from './intervals.js';
import { distinct } from './series.js';

const percent = (x: number): string => (100 * x).toFixed(1);
const share = ({ right }: Outcome): number => mean(right.map(Number));

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const head = (names: readonly string[], numbers: number): string[] => [
  row(names),
  `|${names.map((_, i) => (i < names.length - numbers ? '---|' : '---:|')).join('')}`,
];

/** One row a task, length and method: what was right, the difference to dense paired text by text, and the cost. */
export const outcomeTable = (outcomes: readonly Outcome[]): string => {
  const names = ['task', 'method', 'tokens', 'items', 'right % (95 %)', 'minus dense, points (95 %)'];
  const rows = head([...names, 'density, reading / answers %', 'reading, s', 'answer, s'], 7);
  for (const task of distinct(outcomes.map((o) => o.task))) {
    const lengths = distinct(outcomes.filter((o) => o.task === task).map((o) => o.length)).sort(
      (a, b) => a - b,
    );
    for (const length of lengths) {
      const here = outcomes.filter((o) => o.task === task && o.length === length);
      const dense = new Map(here.filter((o) => o.method === 'dense').map((o) => [o.text, share(o)]));
      const denseFirst = (a: string, b: string): number => Number(b === 'dense') - Number(a === 'dense');
      for (const method of distinct(here.map((o) => o.method)).sort(denseFirst)) {
        const mine = here.filter((o) => o.method === method);
        const items = mine.flatMap(({ right }) => right);
        const [low, high] = wilson(items.filter(Boolean).length, items.length);
        const apart = mine.filter((o) => dense.has(o.text)).map((o) => share(o) - dense.get(o.text)!);
        const [least, most] = interval(apart);
        rows.push(
          row([
            task,
            method,
            Math.round(mean(mine.map((o) => o.tokens))).toLocaleString('en'),
            String(items.length),
            `${percent(mean(items.map(Number)))} (${percent(low)} to ${percent(high)})`,
            method === 'dense' || apart.length < 2
              ? ''
              : `${percent(mean(apart))} (${percent(least)} to ${percent(most)})`,
            `${percent(mean(mine.map((o) => o.density)))} / ${percent(mean(mine.map((o) => o.decodeDensity)))}`,
            mean(mine.map((o) => o.readSeconds)).toFixed(2),
            mean(mine.map((o) => o.answerSeconds / o.right.length)).toFixed(3),
          ]),
        );
      }
    }
  }
  return rows.join('\n');
};

/** The nearest first, by length. */
export const agreementTable = (agreements: readonly Agreement[]): string => {
  const ordered = [...agreements].sort((a, b) => a.length - b.length || a.divergence - b.divergence);
  return [
    ...head(
      [
        'method',
        'tokens before',
        'places',
        'KL to dense, nats',
        'same first token %',
        'perplexity, dense / method',
      ],
      5,
    ),
    ...ordered.map(({ method, length, places, divergence, same, perplexity }) =>
      row([
        method,
        length.toLocaleString('en'),
        String(places),
        divergence.toFixed(4),
        percent(same),
        `${perplexity.dense.toFixed(1)} / ${perplexity.method.toFixed(1)}`,
      ]),
    ),
  ].join('\n');
};
