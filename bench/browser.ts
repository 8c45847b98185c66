import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { serve } from './serve.js';

/** A cross-origin isolated page in headless Chromium. */
export interface BenchPage {
  readonly page: Page;
  readonly address: string;
  /** `Chromium 156.0.…`. */
  readonly version: string;
  close(): Promise<void>;
}

export interface PageOptions {
  /** What is stored lies on a disk, in a profile of its own, as a visitor's does. Default false: in memory. */
  readonly keeps?: boolean;
}

/** Opens one. A page that goes on working after `close` was called is killed with its browser. */
export const openPage = async ({ keeps = false }: PageOptions = {}): Promise<BenchPage> => {
  const server = await serve();
  const how = { executablePath: await ensureChromium(), args: chromiumArguments };
  const profile = keeps ? mkdtempSync(join(tmpdir(), 'longhand-bench-')) : undefined;
  const browser = profile
    ? await chromium.launchPersistentContext(profile, how)
    : await (await chromium.launch(how)).newContext();
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  page.on('pageerror', (error) => console.error(`In the page: ${error.message}`));
  await page.goto(server.address);
  return {
    page,
    address: server.address,
    version: ['Chromium', browser.browser()?.version()].join(' ').trim(),
    close: async () => {
      await browser.browser()?.close();
      await browser.close();
      server.close();
      if (profile) rmSync(profile, { recursive: true, force: true });
    },
  };
};
