import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../../test/support/chromium.mjs';
import { serve } from '../serve.js';

/**
 * Bundles `bench/stores/<name>.ts` and runs it in a worker of a page whose profile is on the disk. It begins with its
 * first message, posts what it found, and then `end`.
 */
export const runInWorker = async <T>(name: string, given: unknown): Promise<{ found: T[]; made: string }> => {
  await build({
    entryPoints: [`bench/stores/${name}.ts`],
    outfile: `bench/build/${name}.js`,
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
  try {
    const page = await browser.newPage();
    await page.goto(server.address);
    const found = await page.evaluate(
      ([script, given]) =>
        new Promise<unknown[]>((resolve, reject) => {
          const found: unknown[] = [];
          const worker = new Worker(script, { type: 'module' });
          worker.onmessage = ({ data }) => (data === 'end' ? resolve(found) : found.push(data));
          worker.onerror = ({ message }) => reject(new Error(message));
          worker.postMessage(given);
        }),
      [`/bench/build/${name}.js`, given] as const,
    );
    const version = browser.browser()?.version();
    const made = `${version ? `Chromium ${version}` : 'Chromium'}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores on which other programs ran, ${new Date().toISOString().slice(0, 10)}`;
    return { found: found as T[], made };
  } finally {
    await browser.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
};
