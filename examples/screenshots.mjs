// @ts-check
// `node examples/screenshots.mjs folder [reader|shelf|assistant]`: pictures of the reader, the shelf and the assistant as a visitor meets them, on a phone and on a desk, by day and
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

const main = async (/** @type {string} */ folder, /** @type {string | undefined} */ only) => {
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
  const parts = {
    reader: async () => {
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
    },
    shelf: async () => {
      await (await import('./pwa/build.mjs')).build();
      await page.goto(`${server.address}examples/pwa/`);
      await reach('ready');
      await shoot('7-shelf-empty');
      const facts = 'Nora Quill lives in Bergen. The magic number of Trieste is 58213.';
      const files = [
        {
          name: 'Letters from Bergen.txt',
          buffer: Buffer.from(`${facts} Nothing else was to be told that day. `.repeat(40)),
        },
        {
          name: 'notes.md',
          buffer: Buffer.from(`# Notes on the coast\n\n${'The tide was low. '.repeat(200)}`),
        },
        {
          name: 'page.html',
          buffer: Buffer.from(
            `<title>The Lighthouse Keepers</title><p>${'It was lit at dusk. '.repeat(200)}`,
          ),
        },
      ];
      await page.locator('#add').setInputFiles(files.map((file) => ({ ...file, mimeType: '' })));
      await page.locator('#shelf li[data-state="read"]').nth(2).waitFor();
      await page.locator('#add').setInputFiles('examples/books/sherlock.txt');
      await page.locator('#shelf small', { hasText: '% read' }).waitFor();
      await shoot('8-shelf', false);
      await page.locator('#shelf li[data-state="read"]').nth(3).waitFor({ timeout: 120_000 });
      await page.locator('#shelf a', { hasText: 'Bergen' }).click();
      await page.locator('body[data-text="ready"]').waitFor();
      await page.locator('#question').fill('Where does Nora Quill live?');
      await page.locator('#question').press('Enter');
      await page.locator('#transcript .chip').first().click();
      await page.locator('#passage mark').waitFor();
      await shoot('9-shelf-text', false);
    },
    assistant: async () => {
      await (await import('./assistant/build.mjs')).build();
      await page.goto(`${server.address}examples/assistant/`);
      const reachTalk = (/** @type {string} */ state) =>
        page.locator(`body[data-talk="${state}"]`).waitFor({ timeout: 60_000 });
      await reachTalk('new');
      await shoot('10-assistant-empty', false);
      const say = async (/** @type {string} */ words, kind = 'free') => {
        const turns = await page.locator('#transcript').getAttribute('data-turns');
        await page.locator('#form-kind').selectOption(kind);
        await page.locator('#question').fill(words);
        await page.locator('#question').press('Enter');
        await page
          .locator(`#transcript[data-turns]:not([data-turns="${turns}"])`)
          .waitFor({ state: 'attached' });
        await reachTalk('ready');
      };
      await say('The value of nora is 4711. What is the value of nora?');
      await page.locator('#add').setInputFiles('examples/books/README.md');
      await say('/calc 12 * 7');
      await say('Nora Quill lives in Bergen. Where does Nora Quill live?');
      await say('What is the value of nora?', 'value');
      await shoot('11-assistant', false);
      await page.setViewportSize({ width: 390, height: 844 });
      await page.locator('#list-button').click();
      await shoot('12-assistant-list', false);
    },
  };
  try {
    for (const [name, take] of Object.entries(parts)) if (only === undefined || only === name) await take();
  } finally {
    await browser.close();
    await server.close();
  }
};

await main(process.argv[2] ?? 'build/screenshots', process.argv[3]);
