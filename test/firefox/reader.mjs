// @ts-check
// The reader example in a stock Firefox: reads a text, answers from it, and after a reload goes on without reading.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../examples/serve.mjs';
import { launchFirefox } from './firefox.mjs';

const STATEMENT = 'The brass key is hidden in the attic.';
/** Enough for several segments. */
const TEXT = `${'The sea was grey that morning and nobody came. '.repeat(60)}${STATEMENT} ${'Rain fell on the roofs of the town. '.repeat(60)}`;
const LIMIT_MS = 120_000;

/** @returns {Promise<string[]>} what was wrong */
export const readInFirefox = async () => {
  const complaints = /** @type {string[]} */ ([]);
  const expect = (/** @type {boolean} */ holds, /** @type {string} */ what) => {
    console.log(`${holds ? '✓' : '×'} ${what}`);
    if (!holds) complaints.push(what);
  };
  const folder = await mkdtemp(join(tmpdir(), 'longhand-'));
  const server = await serve();
  const browser = await launchFirefox();
  try {
    const page = await browser.newPage();
    page.on('pageerror', (/** @type {Error} */ error) => complaints.push(error.message));
    page.setDefaultTimeout(LIMIT_MS);
    /** The value of the page's element, once the page is in this state. */
    const reach = async (/** @type {string} */ state) => {
      await page.waitForSelector(`body[data-state="${state}"], body[data-state="failed"]`);
      const problem = await page.$eval('#problem', (/** @type {Element} */ found) => found.textContent);
      if (problem) throw new Error(problem);
    };
    const reading = () =>
      page.$eval('#reading', (/** @type {HTMLElement} */ found) => ({ ...found.dataset }));
    const ask = async () => {
      await page.type('#question', 'Where is the brass key?');
      await page.click('#ask');
      await page.waitForSelector('#transcript article:last-child .answer[data-done]');
      await reach('ready');
      return page.$eval(
        '#transcript article:last-child .answer',
        (/** @type {Element} */ found) => found.textContent ?? '',
      );
    };

    await page.goto(`${server.address}examples/reader/`);
    await reach('empty');
    const path = join(folder, 'letter.txt');
    await writeFile(path, TEXT);
    await (await page.waitForSelector('#file')).uploadFile(path);
    await reach('ready');
    const first = await reading();
    expect(Number(first.tokens) > 1000 && first.reused === '0', `read ${first.tokens} tokens`);
    const answer = await ask();
    expect(answer.includes('attic'), `answered from the text: ${answer}`);

    await page.reload();
    await reach('ready');
    const again = await reading();
    expect(again.resumed === first.tokens, `resumed ${again.resumed} tokens after a reload`);
    expect((await ask()).includes('attic'), 'answered again');
    await page.waitForFunction(() => document.querySelector('#panel')?.textContent?.includes('idb, ok'));
    expect(true, 'kept it in IndexedDB');
  } catch (error) {
    expect(false, error instanceof Error ? error.message : String(error));
  } finally {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true });
  }
  return complaints;
};
