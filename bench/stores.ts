/** Writing to and reading from the stores of a page, on a profile on the disk: `node bench/run.mjs stores`. */
import { intoPage } from './into-page.js';
import { runInWorker } from './stores/in-worker.js';
import type { Mark } from './stores/measure.js';

const { found, made } = await runInWorker<Mark>('measure', 'begin');
const ms = ([best, middle]: Mark['read8']): string => `${best.toFixed(1)} / ${middle.toFixed(1)}`;
const rows = found.map(
  ({ store, kilobytes, commit, read8, read64 }) =>
    `| ${kilobytes} KB | ${store} | ${commit.toFixed(1)} | ${ms(read8)} | ${ms(read64)} |`,
);
intoPage(
  'docs/LIMITS.md',
  'stores',
  [
    '| record | store | commit of 4 MB, ms | reading 8, ms | reading 64, ms |',
    '|---:|---|---:|---:|---:|',
    ...rows,
  ].join('\n'),
  `${made}; best / middle sample.`,
);
