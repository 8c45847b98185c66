// @ts-check
// `node examples/picture.mjs`: the reader with an answer and the passage it came from, by day and by night, for the README:
// docs/pictures/reader-light.png and reader-dark.png. `node build.mjs` must have run.
import { mkdirSync, statSync } from 'node:fs';
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { serve } from './serve.mjs';

const FOLDER = 'docs/pictures';
/** What a README may weigh, for each picture. */
const MOST_BYTES = 200_000;

mkdirSync(FOLDER, { recursive: true });
const server = await serve();
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
try {
  const page = await browser.newPage({ viewport: { width: 1120, height: 980 }, reducedMotion: 'reduce' });
  const reach = (/** @type {string} */ state) =>
    page.locator(`body[data-state="${state}"]`).waitFor({ timeout: 600_000 });
  await page.goto(`${server.address}examples/reader/`);
  await reach('empty');
  await page.locator('#read').click();
  await reach('ready');
  await page.locator('#question').fill('Where does Nora Quill live?');
  await page.locator('#ask').click();
  await page.locator('#transcript article').last().locator('.answer[data-done]').waitFor();
  await reach('ready');
  await page.evaluate(() => {
    /** @type {HTMLElement} */ (document.activeElement)?.blur();
    scrollTo(0, 0);
  });
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(200);
    const path = `${FOLDER}/reader-${colorScheme}.png`;
    await page.screenshot({ path });
    const { size } = statSync(path);
    console.log(`${path}: ${size} B`);
    if (size > MOST_BYTES) throw new Error(`${path} has ${size} B, more than ${MOST_BYTES}.`);
  }
} finally {
  await browser.close();
  await server.close();
}
