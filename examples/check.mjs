// @ts-check
// `npm start -- --check`: does in headless Chromium what a visitor of the reader example does, prints the transcript,
// and says whether it worked. The page reports what it is doing in `data-` attributes, for people's tools and for this.
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { facts } from './reader/facts.js';
import { OWN_MODEL, serve } from './serve.mjs';

/** Facts far from both ends of the text, whose answers repeat their statements. */
const [first, second] = facts.filter(({ depth }) => depth > 0.3);

const LOAD_LIMIT_MS = 60_000;
const READ_LIMIT_MS = 420_000;
const ANSWER_LIMIT_MS = 120_000;

/** @typedef {import('playwright').Page} Page */

/** Waits until the page says that it is in this state, or throws what it says went wrong. */
const reach = async (
  /** @type {Page} */ page,
  /** @type {string} */ state,
  /** @type {number} */ timeout,
) => {
  await page.locator(`body[data-state="${state}"], body[data-state="failed"]`).waitFor({ timeout });
  if ((await page.locator('body').getAttribute('data-state')) !== 'failed') return;
  throw new Error((await page.locator('#problem').textContent()) ?? 'The page failed and did not say why.');
};

/** What an element reports about itself, as `name value` pairs. */
const report = async (/** @type {import('playwright').Locator} */ element) =>
  Object.entries(await element.evaluate((found) => ({ .../** @type {HTMLElement} */ (found).dataset })))
    .filter(([name]) => name !== 'done')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');

/** Waits until the page can be asked, and prints what it says about the reading. */
const awaitReading = async (/** @type {Page} */ page) => {
  await reach(page, 'ready', READ_LIMIT_MS);
  console.log(await page.locator('#status').textContent());
  console.log(`  ${await report(page.locator('#reading'))}`);
  return page.locator('#reading').evaluate((element) => ({ ...element.dataset }));
};

/**
 * Asks for a fact. Returns what is wrong with the answer, if anything.
 * @param {Page} page @param {typeof facts[number] | undefined} fact
 * @param {boolean} knows whether this model is known to find it
 */
const ask = async (page, fact, knows) => {
  if (!fact) return 'There is no fact to ask for.';
  await page.locator('#question').fill(fact.question);
  await page.locator('#ask').click();
  const answer = page.locator('#transcript .answer[data-done]').last();
  await answer.or(page.locator('body[data-state="failed"]')).waitFor({ timeout: ANSWER_LIMIT_MS });
  await reach(page, 'ready', ANSWER_LIMIT_MS);
  const text = (await answer.textContent()) ?? '';
  console.log(`> ${fact.question}`);
  console.log(text);
  console.log(`  ${await report(answer)}`);
  if (!knows) return undefined;
  return text.includes(fact.statement) ? undefined : `The text says: ${fact.statement}`;
};

/**
 * The main job: load the bundled model, read the bundled book, ask; reload, and ask again without reading again.
 * Returns what is wrong.
 */
const mainJob = async (/** @type {Page} */ page, /** @type {boolean} */ knows) => {
  await reach(page, 'empty', LOAD_LIMIT_MS);
  console.log(await page.locator('#status').textContent());
  await page.locator('#read').click();
  const read = await awaitReading(page);
  const complaints = [await ask(page, first, knows)];

  console.log('\n-- the page is reloaded');
  await page.reload({ timeout: LOAD_LIMIT_MS });
  const again = await awaitReading(page);
  if (again.resumed !== read.tokens)
    complaints.push(`Of ${read.tokens} tokens ${again.resumed} were resumed.`);
  complaints.push(await ask(page, second, knows));
  return complaints.filter((complaint) => complaint !== undefined);
};

/**
 * Serves, drives and prints.
 * @param {string} [model] path of another model than the bundled one; what it answers is printed, but not judged
 * @returns {Promise<boolean>} whether the reader read the book, found the facts in it, and read it only once
 */
export const check = async (model) => {
  const executablePath = await ensureChromium();
  const server = await serve({ model });
  const browser = await chromium.launch({ executablePath, args: chromiumArguments, timeout: 30_000 });
  /** @type {string[]} */
  const complaints = [];
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    const query = model === undefined ? '' : `?model=${OWN_MODEL}`;
    await page.goto(`${server.address}examples/reader/${query}`, { timeout: LOAD_LIMIT_MS });
    complaints.push(...(await mainJob(page, model === undefined)));
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  } finally {
    await browser.close();
    await server.close();
  }
  for (const complaint of complaints) console.error(`! ${complaint}`);
  console.log(complaints.length === 0 ? 'The reader works.' : 'The reader does not work.');
  return complaints.length === 0;
};
