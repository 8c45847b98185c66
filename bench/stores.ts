/** Writing to and reading from the stores of a page, on a profile on the disk: `node bench/run.mjs stores`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { intoPage } from './into-page.js';
import { serve } from './serve.js';
import type { Mark } from './stores/measure.js';

await build({
  entryPoints: ['bench/stores/measure.ts'],
  outfile: 'bench/build/measure-stores.js',
  bundle: true,
  format: 'esm',
  logLevel: 'warning',
});
const server = await serve();
const profile = mkdtempSync(join(tmpdir(), 'longhand-bench-'));
// Not a private context: that one would keep everything in memory.
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: await ensureChromium(),
  args: chromiumArguments,
});
const page = await browser.newPage();
await page.goto(server.address);
const marks = await page.evaluate(
  () =>
    new Promise<Mark[]>((resolve, reject) => {
      const found: Mark[] = [];
      const worker = new Worker('/bench/build/measure-stores.js', { type: 'module' });
      worker.onmessage = ({ data }) => (data === 'end' ? resolve(found) : found.push(data));
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage('begin');
    }),
);
const version = browser.browser()?.version();
await browser.close();
server.close();
rmSync(profile, { recursive: true, force: true });

const ms = ([best, middle]: Mark['read8']): string => `${best.toFixed(1)} / ${middle.toFixed(1)}`;
const rows = marks.map(
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
  `${version ? `Chromium ${version}` : 'Chromium'}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores on which other programs ran, ${new Date().toISOString().slice(0, 10)}; best / middle sample.`,
);
