// @ts-check
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';
import { bundlers } from './bundlers.mjs';
import { MODEL } from './serve.mjs';
import { answers } from './visit.mjs';

const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:";
const ISOLATION = {
  cross_origin_opener_policy: { value: 'same-origin' },
  cross_origin_embedder_policy: { value: 'require-corp' },
};

/**
 * An extension of one page: the package as it is packed, an app that imports it by its path, a model, and no permission.
 * @param {string} folder @param {string} name @param {boolean} isolated
 */
const extension = async (folder, name, isolated) => {
  const at = join(folder, name);
  const { folder: build } = bundlers;
  if (!build) throw new Error('There is no app without a bundler to put into an extension.');
  cpSync(await build(folder), at, { recursive: true });
  rmSync(join(at, 'node_modules'), { recursive: true });
  cpSync(MODEL, join(at, 'model.gguf'));
  const manifest = {
    manifest_version: 3,
    name,
    version: '1.0',
    content_security_policy: { extension_pages: POLICY },
    ...(isolated && ISOLATION),
  };
  writeFileSync(join(at, 'manifest.json'), JSON.stringify(manifest));
  return at;
};

/**
 * Loads it into Chromium, with and without isolation, and uses its page as the pages of sites are used.
 * @param {string} folder the one under which the package is installed
 */
export const visitExtension = async (folder) => {
  const context = await chromium.launchPersistentContext('', {
    executablePath: await ensureChromium(),
    ignoreDefaultArgs: ['--disable-extensions'],
    args: [...chromiumArguments, '--enable-unsafe-extension-debugging'],
  });
  try {
    /** @type {string[]} */
    const complaints = [];
    context.on('request', (request) => {
      if (/^(https?|wss?):/.test(request.url())) complaints.push(`asked for: ${request.url()}`);
    });
    const browser = context.browser();
    if (!browser) throw new Error('Chromium has no browser to speak to.');
    const cdp = await browser.newBrowserCDPSession();
    for (const isolated of [false, true]) {
      const path = await extension(folder, isolated ? 'mv3-isolated' : 'mv3', isolated);
      const load = /** @type {any} */ (cdp.send);
      const { id } = await load.call(cdp, 'Extensions.loadUnpacked', { path });
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      const address = `chrome-extension://${id}/index.html`;
      complaints.push(...(await answers(page, address, isolated)));
      if (complaints.length > 0) throw new Error(complaints.join('\n'));
      await page.close();
    }
  } finally {
    await context.close();
  }
};
