// @ts-check
// `npm start -- --check`: does in headless Chromium what a visitor of the reader example does, prints the transcript,
// and says whether it worked. The page reports what it is doing in `data-` attributes, for people's tools and for this.
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { facts } from './reader/facts.js';
import { serve } from './serve.mjs';

/** A fact far from both ends of the text. */
const middle = /** @type {typeof facts[number]} */ (facts.find(({ depth }) => depth > 0.3));

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

/** Load the bundled model, read the bundled book, ask for a fact in it. Returns what was answered. */
const readAndAsk = async (/** @type {Page} */ page, /** @type {string} */ question) => {
  await reach(page, 'empty', LOAD_LIMIT_MS);
  console.log(await page.locator('#status').textContent());
  await page.locator('#read').click();
  await reach(page, 'ready', READ_LIMIT_MS);
  console.log(await page.locator('#status').textContent());
  console.log(`  ${await report(page.locator('#reading'))}`);
  await page.locator('#question').fill(question);
  await page.locator('#ask').click();
  const answer = page.locator('#transcript .answer[data-done]');
  await answer.or(page.locator('body[data-state="failed"]')).waitFor({ timeout: ANSWER_LIMIT_MS });
  await reach(page, 'ready', ANSWER_LIMIT_MS);
  const text = (await answer.textContent()) ?? '';
  console.log(`> ${question}`);
  console.log(text);
  console.log(`  ${await report(answer)}`);
  return text;
};

/**
 * Serves, drives and prints.
 * @returns {Promise<boolean>} whether the reader read the book and found the fact in it
 */
export const check = async () => {
  const executablePath = await ensureChromium();
  const server = await serve();
  const browser = await chromium.launch({ executablePath, args: chromiumArguments, timeout: 30_000 });
  /** @type {string[]} */
  const complaints = [];
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(`${server.address}examples/reader/`, { timeout: LOAD_LIMIT_MS });
    const { question, statement } = middle;
    const answer = await readAndAsk(page, question);
    if (!answer.includes(statement)) complaints.push(`The text says: ${statement}`);
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
