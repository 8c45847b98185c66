// @ts-check
// The tests of the browser project in a stock Firefox: `npm run test:firefox`.

import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { launchFirefox } from './firefox.mjs';

/** Opens pages for vitest, which does all the rest through them. */
const provider = () => {
  /** @type {ReturnType<typeof launchFirefox> | undefined} */
  let browser;
  return {
    name: 'firefox',
    supportsParallelism: false,
    getCommandsContext: () => ({}),
    openPage: async (/** @type {string} */ _session, /** @type {string} */ url) => {
      browser ??= launchFirefox();
      const page = await (await browser).newPage();
      await page.goto(url, { timeout: 0, waitUntil: 'domcontentloaded' });
    },
    close: async () => (await browser)?.close(),
  };
};

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  server: {
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
  test: {
    name: 'firefox',
    include: ['test/**/*.browser.test.ts'],
    // Said by run.mjs: where this Firefox has no WebGPU there is nothing to test.
    exclude: process.env.WITHOUT_WEBGPU ? ['test/**/webgpu-*.browser.test.ts'] : [],
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      fileParallelism: false,
      // What serves the tests is the same; only the browser is opened in another way.
      provider: /** @type {any} */ ({
        ...playwright(),
        name: 'firefox',
        supportedBrowser: ['firefox'],
        providerFactory: provider,
      }),
      instances: [{ browser: 'firefox' }],
    },
  },
});
