// @ts-check
// The installable apps in a stock Firefox, as far as it goes: the shelf reads texts and answers from them, the assistant
// answers and reads a text into the conversation; after a reload both go on without reading.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build as buildAssistant } from '../../examples/assistant/build.mjs';
import { build as buildShelf } from '../../examples/pwa/build.mjs';
import { serve } from '../../examples/serve.mjs';
import { launchFirefox } from './firefox.mjs';

const FACT = 'The brass key is hidden in the attic.';
const TEXT = `${'The sea was grey that morning and nobody came. '.repeat(60)}${FACT} ${'Rain fell on the roofs of the town. '.repeat(60)}`;
const QUESTION = 'Where is the brass key?';
const LIMIT_MS = 120_000;

/** @param {any} page @param {string} address @param {string} file */
const useShelf = async (page, address, file) => {
  await page.goto(`${address}examples/pwa/`);
  await page.waitForSelector('body[data-state="ready"]');
  await (await page.waitForSelector('#add')).uploadFile(file);
  await page.waitForSelector('#shelf li[data-state="read"] a');
  const open = async () => {
    await page.click('#shelf li a');
    await page.waitForSelector('body[data-text="ready"]');
    return page.$eval('#text-status', (/** @type {HTMLElement} */ found) => Number(found.dataset.resumed));
  };
  const ask = async () => {
    await page.type('#question', QUESTION);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#transcript article:last-child .answer[data-done]');
    return page.$eval(
      '#transcript article:last-child .answer',
      (/** @type {Element} */ found) => found.textContent ?? '',
    );
  };
  await open();
  const first = await ask();
  await page.goto(`${address}examples/pwa/`);
  await page.waitForSelector('#shelf li[data-state="read"] a');
  const resumed = await open();
  return { first, again: await ask(), resumed };
};

/** @param {any} page @param {string} address @param {string} file */
const useAssistant = async (page, address, file) => {
  const isReady = () =>
    page.waitForFunction(() => {
      const { state, talk } = document.body.dataset;
      return state === 'ready' && (talk === 'ready' || talk === 'new');
    });
  const said = () =>
    page.$eval('#transcript article:last-child', (/** @type {HTMLElement} */ found) => found.innerText);
  const say = async (/** @type {string} */ words) => {
    const before = await page.$eval(
      '#transcript',
      (/** @type {HTMLElement} */ found) => found.dataset.turns ?? '',
    );
    await page.type('#question', words);
    await page.keyboard.press('Enter');
    await page.waitForFunction(
      (/** @type {string} */ then) =>
        document.querySelector('#transcript')?.getAttribute('data-turns') !== then,
      {},
      before,
    );
    await isReady();
    return said();
  };
  await page.goto(`${address}examples/assistant/`);
  await isReady();
  await say('The value of nora is 4711. What is the value of nora?');
  await (await page.waitForSelector('#add')).uploadFile(file);
  // It lies in a drawer where the window is narrow.
  const read = '[aria-label="Read into this conversation: letter.txt"]';
  await page.waitForSelector(read);
  await page.$eval(read, (/** @type {HTMLElement} */ button) => button.click());
  await page.waitForSelector('#transcript details.long');
  await isReady();
  const first = await say(QUESTION);
  await page.reload();
  await isReady();
  const resumed = await page.$eval('#resumed', (/** @type {HTMLElement} */ found) =>
    Number(found.dataset.resumed),
  );
  return { first, again: await say(QUESTION), resumed };
};

/** @returns {Promise<string[]>} what was wrong */
export const useAppsInFirefox = async () => {
  await buildShelf();
  await buildAssistant();
  const complaints = /** @type {string[]} */ ([]);
  const folder = await mkdtemp(join(tmpdir(), 'longhand-'));
  const file = join(folder, 'letter.txt');
  await writeFile(file, TEXT);
  const server = await serve();
  const browser = await launchFirefox();
  try {
    for (const [name, use] of Object.entries({ shelf: useShelf, assistant: useAssistant })) {
      const page = await browser.newPage();
      page.on('pageerror', (/** @type {Error} */ error) => complaints.push(`${name}: ${error.message}`));
      page.setDefaultTimeout(LIMIT_MS);
      const found = await use(page, server.address, file).catch(async (/** @type {Error} */ error) => {
        const shown = await page.evaluate(
          () => `${JSON.stringify({ ...document.body.dataset })} ${document.body.innerText}`,
        );
        complaints.push(`${name}: ${error.message}; on the page: ${shown}`);
        return { first: '', again: '', resumed: 0 };
      });
      const holds = found.first.includes('attic') && found.again.includes('attic') && found.resumed > 1000;
      console.log(`${holds ? '✓' : '×'} ${name}: ${JSON.stringify(found)}`);
      if (!holds) complaints.push(name);
      await page.close();
    }
  } finally {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true });
  }
  return complaints;
};
