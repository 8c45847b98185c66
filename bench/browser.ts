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

/** Opens one. A page that goes on working after `close` was called is killed with its browser. */
export const openPage = async (): Promise<BenchPage> => {
  const server = await serve();
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  page.on('pageerror', (error) => console.error(`In the page: ${error.message}`));
  await page.goto(server.address);
  return {
    page,
    address: server.address,
    version: `Chromium ${browser.version()}`,
    close: async () => {
      await browser.close();
      server.close();
    },
  };
};
