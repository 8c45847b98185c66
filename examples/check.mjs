// @ts-check
// `npm start -- --check`: does in headless Chromium what a visitor of the reader example does, prints the transcript,
// and says whether it worked. The page reports what it is doing in `data-` attributes, for people's tools and for this.
import { chromium } from 'playwright';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { serve } from './serve.mjs';

const LOAD_LIMIT_MS = 60_000;
const READ_LIMIT_MS = 300_000;
const ANSWER_LIMIT_MS = 120_000;

/**
 * The main job: load the bundled model, read the bundled book, ask.
 * @param {import('playwright').Page} page @param {string} address of the server
 * @param {string} question
 */
const readAndAsk = async (page, address, question) => {
  const reached = (/** @type {string} */ state, /** @type {number} */ timeout) =>
    page.locator(`body[data-state="${state}"], body[data-state="failed"]`).waitFor({ timeout });
  const failIfFailed = async () => {
    if ((await page.locator('body').getAttribute('data-state')) === 'failed') {
      throw new Error(
        (await page.locator('#problem').textContent()) ?? 'The page failed and did not say why.',
      );
    }
  };

  await page.goto(`${address}examples/reader/`, { timeout: LOAD_LIMIT_MS });
  await page.locator('#read').click({ timeout: LOAD_LIMIT_MS });
  await reached('ready', READ_LIMIT_MS);
  await failIfFailed();
  await page.locator('#question').fill(question);
  await page.locator('#ask').click();
  await page
    .locator('#transcript [data-done], body[data-state="failed"]')
    .waitFor({ timeout: ANSWER_LIMIT_MS });
  await failIfFailed();
  return {
    reading: await page.locator('#reading').evaluate((element) => ({ ...element.dataset })),
    answer: (await page.locator('#transcript .answer').last().textContent()) ?? '',
    answering: await page
      .locator('#transcript .answer')
      .last()
      .evaluate((element) => ({ ...element.dataset })),
  };
};

/**
 * Serves, drives and prints.
 * @returns {Promise<boolean>} whether the reader read the book and answered
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
    const question = 'Who is the woman?';
    const { reading, answer, answering } = await readAndAsk(page, server.address, question);
    console.log(`Read: ${JSON.stringify(reading)}`);
    console.log(`> ${question}`);
    console.log(answer);
    console.log(`Answered: ${JSON.stringify(answering)}`);
    if (answer.trim() === '') complaints.push('The answer is empty.');
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
