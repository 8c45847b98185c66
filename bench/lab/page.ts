import type { Cost } from '../cost-table.js';
import type { NeedleResult } from '../needle-tables.js';
import type { Agreement } from './agreement.js';
import type { Outcome } from './evaluate.js';
import { type GridCell, gridTable } from './grid.js';
import { mean, wilson } from './intervals.js';
import { methodPlots } from './method-plots.js';
import { type Axes, escaped, plot } from './plots.js';
import { agreementTable, outcomeTable } from './report.js';
import { byMethod, distinct, percentRight } from './series.js';

/** Everything the laboratory found. */
export interface Results {
  readonly outcomes: readonly Outcome[];
  readonly agreements: readonly Agreement[];
  readonly grid: readonly GridCell[];
}

/** What `needles` and `costs` found: pictures of it stand on the page, tables in docs/METHODS.md. */
export interface Beside {
  readonly needles: readonly NeedleResult[];
  readonly costs: readonly Cost[];
}

/** A table in Markdown as HTML. Cells hold plain words and numbers only. */
const tableOf = (markdown: string): string => {
  const cells = (line: string): string[] => line.split('|').slice(1, -1);
  const [head, , ...rows] = markdown.split('\n');
  if (!head || rows.length === 0) return '';
  const row = (line: string, tag: string): string =>
    `<tr>${cells(line)
      .map((cell) => `<${tag}>${escaped(cell.trim())}</${tag}>`)
      .join('')}</tr>`;
  return `<div class="wide"><table>${row(head, 'th')}${rows.map((line) => row(line, 'td')).join('')}</table></div>`;
};

const right = (outcomes: readonly Outcome[]): boolean[] => outcomes.flatMap((one) => one.right);

const percentRead = (some: readonly Outcome[]): number => 100 * mean(some.map((one) => one.density));
const percentAnswered = (some: readonly Outcome[]): number =>
  100 * mean(some.map((one) => one.decodeDensity));

const plotsOf = (task: string, outcomes: readonly Outcome[]): string[] => {
  const mine = outcomes.filter((one) => one.task === task);
  const axes = (x: string): Axes => ({ title: `${task}: right against what is read`, x, y: 'right, %' });
  const time: Axes = {
    ...{ title: `${task}: time of reading against length`, x: 'tokens', y: 'seconds' },
    ...{ logX: true, logY: true },
  };
  return [
    plot(axes('density of reading, %'), byMethod(mine, percentRead, percentRight)),
    plot(axes('density of questions and answers, %'), byMethod(mine, percentAnswered, percentRight)),
    plot(
      time,
      byMethod(
        mine,
        (some) => mean(some.map(({ tokens }) => tokens)),
        (some) => mean(some.map(({ readSeconds }) => readSeconds)),
      ),
    ),
  ];
};

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #8884; text-align: left; white-space: nowrap; }
svg { width: 100%; height: auto; margin: 1rem 0; } svg text { font-size: 12px; fill: currentColor; }
svg line { stroke: #8883; } polyline { fill: none; stroke-width: 1.5; opacity: .6; }`;

/** One page with all plots and tables; needs nothing but itself. `made` says on what and when. */
export const labPage = (
  { outcomes, agreements, grid }: Results,
  { needles, costs }: Beside,
  made: string,
): string => {
  const pictures = methodPlots(needles, costs);
  const tasks = distinct(outcomes.map(({ task }) => task));
  const least = Math.min(...tasks.map((task) => right(outcomes.filter((one) => one.task === task)).length));
  const [low, high] = wilson(least, least);
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Laboratory</title>',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<style>${style}</style><h1>What methods find, and what they cost</h1><p>${escaped(made)}</p>`,
    ...(tasks.length
      ? [
          `<p>Even where all of ${least} items are right, the interval is ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %.</p>`,
        ]
      : []),
    ...(pictures.length ? ['<h2>All methods</h2>', ...pictures] : []),
    ...tasks.flatMap((task) => [`<h2>${escaped(task)}</h2>`, ...plotsOf(task, outcomes)]),
    '<h2>All outcomes</h2>',
    tableOf(outcomeTable(outcomes)),
    '<h2>The next token along a book</h2>',
    tableOf(agreementTable(agreements)),
    '<h2>Masks: 10⁹ operations a second on pairs that are read, and to the causal mask</h2>',
    grid.length ? tableOf(gridTable(grid)) : '',
    '</html>',
  ].join('\n');
};
