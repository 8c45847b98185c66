// @ts-check
// `node examples/screenshots.mjs folder`: pictures of the reader as a visitor meets it, on a phone and on a desk, by day and
// by night, to be looked at.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { serve } from './serve.mjs';

const sizes = [
  { name: 'phone', width: 390, height: 844 },
  { name: 'desk', width: 1280, height: 800 },
];
const schemes = /** @type {const} */ (['light', 'dark']);

const main = async (/** @type {string} */ folder) => {
  mkdirSync(folder, { recursive: true });
  const executablePath = await ensureChromium();
  const server = await serve();
  const browser = await chromium.launch({ executablePath, args: chromiumArguments });
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error));
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text());
  });
  const reach = (/** @type {string} */ state) =>
    page.locator(`body[data-state="${state}"]`).waitFor({ timeout: 600_000 });
  const shoot = async (/** @type {string} */ name, whole = true) => {
    for (const { name: size, ...viewport } of sizes) {
      for (const colorScheme of schemes) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.waitForTimeout(150);
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: whole });
      }
    }
  };
  const ask = async (/** @type {string} */ question) => {
    const before = await page.locator('#transcript article').count();
    await page.locator('#question').fill(question);
    await page.locator('#ask').click();
    await page.locator('#transcript article').nth(before).waitFor();
    // An answer may be too short to be seen on its way.
    await page.locator('#transcript article').last().locator('.answer[data-done]').waitFor();
    await reach('ready');
  };
  try {
    await page.goto(`${server.address}examples/reader/`);
    await reach('empty');
    await shoot('1-empty');
    await page.locator('#read').click();
    await page.locator('#status', { hasText: 'tokens/s' }).waitFor();
    await page.screenshot({ path: join(folder, '2-reading.png') });
    await reach('ready');
    await ask('Where does Nora Quill live?');
    await shoot('3-answered');
    await page.locator('#hide > summary').click();
    await shoot('4-needle');
    await page.locator('#bury').click();
    await reach('ready');
    await ask('Where is the red umbrella?');
    await shoot('5-needle-found');
    await page.locator('#hide > summary').click();
    await page.locator('#choose > summary').click();
    await page.locator('#compare > summary').click();
    await page.locator('#run-compare').click();
    await page.locator('#compare-end', { hasText: 'Compared' }).waitFor({ timeout: 600_000 });
    await shoot('6-compared');
  } finally {
    await browser.close();
    await server.close();
  }
};

await main(process.argv[2] ?? 'build/screenshots');
