/** The reader with a model of another shape, whose window is smaller than the book. What it answers is noise; all else is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, expect, test } from 'vitest';
import { OWN_MODEL } from '../../examples/serve.mjs';
import { randomModel } from '../support/random-model.js';
import { useSite } from './visit.js';

const WINDOW = 1536;
const path = join(mkdtempSync(join(tmpdir(), 'longhand-')), 'model.gguf');
// Six layers: one of them reads the whole text, the others their window.
const shape = { architecture: 'gemma3', tokenizer: 'spm', seed: 3, layers: 6, window: WINDOW } as const;
writeFileSync(path, randomModel({ ...shape, type: 'Q8_0', keys: { 'attention.sliding_window': 64 } }));
afterAll(() => rmSync(dirname(path), { recursive: true }));
const site = useSite(path);

const reached = async (page: Page, state: string): Promise<void> => {
  await page.locator(`body[data-state="${state}"], body[data-state="failed"]`).waitFor({ timeout: 120_000 });
  expect(await page.locator('#problem').textContent()).toBe('');
};
const ask = async (page: Page, question: string): Promise<string> => {
  await page.locator('#question').fill(question);
  await page.locator('#question').press('Enter');
  const answer = page.locator('#transcript article').last().locator('.answer[data-done]');
  await answer.waitFor({ timeout: 120_000 });
  await reached(page, 'ready');
  return (await answer.textContent()) ?? '';
};
const reading = (page: Page): Promise<Record<string, string | undefined>> =>
  page.locator('#reading').evaluate((element) => ({ ...element.dataset }));

test('a Gemma whose window is smaller than the book reads its beginning, answers, resumes, hides a needle and compares', async () => {
  const { page, complaints } = await site.visit(`examples/reader/?model=${OWN_MODEL}`);
  await reached(page, 'empty');
  expect(await page.locator('#status').textContent()).toContain('reads up to 1,536 tokens here');
  await page.locator('#read').click();
  await reached(page, 'ready');
  expect(await page.locator('#status').textContent()).toContain('all that the model’s window holds');
  const first = await reading(page);
  expect(Number(first.tokens)).toBeGreaterThan(WINDOW / 2);
  expect(Number(first.tokens)).toBeLessThan(WINDOW);
  const answer = await ask(page, 'Where is the brass key?');
  expect(await page.locator('#strip rect.text').count()).toBeGreaterThan(0);
  expect(await page.locator('#passage mark').textContent()).not.toBe('');

  await page.reload();
  await reached(page, 'ready');
  expect((await reading(page)).resumed).toBe(first.tokens);
  expect(await page.locator('#status').textContent()).toContain('none was read again');
  expect(await ask(page, 'Where is the brass key?')).toBe(answer);

  await page.locator('#hide > summary').click();
  await page.locator('#bury').click();
  await page.locator('#status', { hasText: 'found again' }).waitFor({ timeout: 60_000 });
  await reached(page, 'ready');
  expect(Number((await reading(page)).reused)).toBeGreaterThan(0);

  await page.locator('#compare > summary').click();
  await page.locator('#compare-question').fill('Where?');
  await page.locator('#run-compare').click();
  await page.locator('#compare-end', { hasText: 'Compared' }).waitFor({ timeout: 120_000 });
  expect(await page.locator('.way[data-done]').count()).toBe(3);
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('run-compare');
  expect(complaints).toEqual([]);
});
