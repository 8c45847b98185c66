/** The reader's whole story, on a phone by keyboard alone and on a desk, by night and by day. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { book } from '../engine/bundled.js';
import { objectionsTo } from './accessible.js';
import { useSite } from './visit.js';

const site = useSite();
const FACT = 'The brass key is hidden in the attic.';
/** A fact so far from the end that a window of 2,048 tokens does not reach it. */
const TEXT = `${book().slice(2000, 2600)} ${FACT} ${book().slice(2600, 11_000)}`;

const reached = async (page: Page, state: string): Promise<void> => {
  await page.locator(`body[data-state="${state}"], body[data-state="failed"]`).waitFor({ timeout: 120_000 });
  expect(await page.locator('#problem').textContent()).toBe('');
};
const answered = async (page: Page, articles: number): Promise<string> => {
  const answer = page
    .locator('#transcript article')
    .nth(articles - 1)
    .locator('.answer[data-done]');
  await answer.waitFor({ timeout: 60_000 });
  await reached(page, 'ready');
  return (await answer.textContent()) ?? '';
};
/** Goes there as the keyboard does. */
const tabTo = async (page: Page, selector: string): Promise<void> => {
  for (let step = 0; step < 60; step++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
  }
  throw new Error(`The keyboard does not reach ${selector}.`);
};
const passage = (page: Page): Promise<string | null> => page.locator('#passage mark').textContent();
const give = (page: Page): Promise<void> =>
  page
    .locator('#file')
    .setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from(TEXT) });

test('on a phone, by keyboard alone: ask, see where the answer came from, hide a needle, find it', async () => {
  const { page, complaints } = await site.visit('examples/reader/', { width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await reached(page, 'empty');
  expect(await objectionsTo(page)).toEqual([]);
  await give(page);
  await reached(page, 'ready');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('question');
  await page.keyboard.type('Where is the brass key?');
  await page.keyboard.press('Enter');
  expect(await answered(page, 1)).toContain('attic');
  await page.locator('#passage').waitFor();
  expect(await passage(page)).toContain('attic');
  expect(await page.locator('#passage figcaption').textContent()).toMatch(/% of attention$/);
  expect(await page.locator('#strip rect.text').count()).toBeGreaterThan(20);

  // The answer stays where it was being read, though what it came from opens above it.
  const [top, low] = await page.locator('.answer').evaluate((answer) => {
    const box = answer.getBoundingClientRect();
    return [box.top, innerHeight - box.bottom];
  });
  expect(Math.min(top!, low!)).toBeGreaterThan(0);
  // The chunks around it, one by one.
  await page.locator('#chunk-after').click();
  await page.locator('#passage mark:not(:text("attic"))').waitFor();
  await page.locator('#chunk-before').click();
  await page.locator('#passage mark', { hasText: 'attic' }).waitFor();
  expect(await page.locator('#chunks rect.text').count()).toBe(1);
  expect(await page.locator('#chunks rect.near').count()).toBeGreaterThan(5);

  // The strip, from its beginning on.
  await tabTo(page, '#strip');
  await page.keyboard.press('Home');
  const start = await page.locator('#strip').getAttribute('aria-valuetext');
  expect(start).toContain('0 % into the text');
  await page.keyboard.press('PageUp');
  expect(await page.locator('#strip').getAttribute('aria-valuetext')).not.toBe(start);
  await page.keyboard.press('Enter');
  await page.locator('blockquote:focus').waitFor();
  expect(await passage(page)).not.toContain('attic');
  await tabTo(page, '#places button');
  await page.keyboard.press('Enter');
  await page.locator('#passage mark', { hasText: 'attic' }).waitFor();
  expect(await page.locator('#places [aria-pressed="true"]').count()).toBe(1);
  expect(await objectionsTo(page)).toEqual([]);

  await tabTo(page, '#hide > summary');
  await page.keyboard.press('Enter');
  await tabTo(page, '#depth');
  await page.keyboard.press('End');
  await page.keyboard.press('PageDown');
  expect(await page.locator('#depth').getAttribute('aria-valuetext')).toBe('90 % into the text');
  await tabTo(page, '#bury');
  await page.keyboard.press('Enter');
  await page.locator('#status', { hasText: 'found again' }).waitFor({ timeout: 60_000 });
  await reached(page, 'ready');
  const { tokens, reused } = await page.locator('#reading').evaluate((element) => ({ ...element.dataset }));
  expect(Number(reused) % 256).toBe(0);
  expect(Number(reused)).toBeGreaterThan(0.75 * Number(tokens));
  expect(await page.locator('#strip .needle').count()).toBe(1);
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('question');
  await page.keyboard.press('Enter');
  expect(await answered(page, 1)).toContain('observatory');
  expect(await passage(page)).toContain('umbrella');
  expect(await objectionsTo(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

test('a page that is hard to use is objected to', async () => {
  const { page } = await site.visit('examples/');
  await page.evaluate(() => {
    document
      .querySelector('main')!
      .insertAdjacentHTML(
        'beforeend',
        '<section><button></button><input><h3 id="a">pale</h3><p id="a" aria-describedby="b">wide</p></section>',
      );
    const [pale, wide] = document.querySelectorAll<HTMLElement>('#a');
    pale!.style.color = '#999';
    wide!.style.width = '9999px';
  });
  const found = (await objectionsTo(page)).join('\n');
  for (const wanted of [
    'button# has no name',
    'input# has no name',
    'px high',
    'section# has no name',
    '“pale” has a contrast of',
    'two are #a',
    'leads nowhere',
    'px too wide',
    'a h3 follows an h1',
    'not one header',
  ])
    expect(found).toContain(wanted);
});

test('on a desk: a click opens a passage, three ways are compared, what is kept is copied, renamed, saved, deleted, taken in', async () => {
  const { page, complaints } = await site.visit('examples/reader/');
  await reached(page, 'empty');
  expect(await objectionsTo(page)).toEqual([]);
  await give(page);
  await reached(page, 'ready');
  const box = (await page.locator('#strip').boundingBox())!;
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.locator('#passage figcaption', { hasText: /^(49|50) % into the text/ }).waitFor();

  await page.locator('#compare > summary').click();
  await page.locator('#compare-question').fill('Where is the brass key?');
  await page.locator('#run-compare').click();
  await page.locator('#compare-end', { hasText: 'Compared' }).waitFor({ timeout: 120_000 });
  const ways = await page.locator('.way').evaluateAll((all) =>
    all.map((way) => ({
      answer: way.querySelector('.answer')!.textContent,
      density: Number((way as HTMLElement).dataset.density),
      rows: way.querySelectorAll('dt').length,
    })),
  );
  expect(ways.map(({ answer }) => answer!.includes('attic'))).toEqual([true, false, true]);
  expect(ways[1]!.density).toBeLessThan(0.95);
  expect(ways[2]!.density).toBe(1);
  expect(ways.every(({ rows }) => rows === 5)).toBe(true);
  expect(await objectionsTo(page)).toEqual([]);

  await page.locator('#choose > summary').click();
  await page.locator('#public-models button').first().click();
  expect(await page.locator('#model-url').inputValue()).toMatch(/^https:\/\/huggingface\.co\/.*\.gguf$/);
  expect(await objectionsTo(page)).toEqual([]);

  // A model that is no model: said, and the one before is back with its text.
  await page.locator('#model-file').setInputFiles({
    name: 'broken.gguf',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('nothing of the kind'),
  });
  await page.locator('#problem', { hasText: 'no GGUF model' }).waitFor();
  await page.locator('body[data-state="ready"]').waitFor();
  expect(await page.locator('#title').textContent()).toBe('letter.txt');
  expect(await page.locator('#status').textContent()).toMatch(
    /Resumed [\d,]+ tokens in .*none was read again/,
  );

  await page
    .locator('#file')
    .setInputFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from(FACT) });
  await page.locator('#title', { hasText: 'note.txt' }).waitFor();
  await reached(page, 'ready');
  // Another budget: the engine opens again over the same pages.
  await page.locator('#kept-texts').getByRole('button', { name: 'Open: letter.txt' }).click();
  await page.locator('#title', { hasText: 'letter.txt' }).waitFor();
  await reached(page, 'ready');
  await page.locator('#memory').focus();
  await page.keyboard.press('Home');
  await page.locator('#memory-at', { hasText: '16 MB' }).waitFor();
  await page.locator('#panel', { hasText: 'of 16.0 MB' }).waitFor();
  await reached(page, 'ready');
  expect(await page.locator('#title').textContent()).toBe('letter.txt');
  await page.locator('#disk').focus();
  await page.keyboard.press('Home');
  await page.locator('#panel', { hasText: 'of 16.0 MB (idb, ok)' }).waitFor();
  await reached(page, 'ready');
  await page.locator('#question').fill('Where is the brass key?');
  await page.locator('#ask').click();
  expect(await answered(page, 1)).toContain('attic');
  await page.locator('#kept-texts').getByRole('button', { name: 'Open: note.txt' }).click();
  await page.locator('#title', { hasText: 'note.txt' }).waitFor();
  await reached(page, 'ready');

  const texts = page.locator('#kept-texts li');
  await page.getByRole('button', { name: 'Copy: letter.txt' }).click();
  await texts.nth(2).waitFor();
  await page.getByRole('button', { name: 'Rename: letter.txt (copy)' }).click();
  await page.keyboard.type('A letter');
  await page.keyboard.press('Enter');
  await texts.filter({ hasText: 'A letter' }).waitFor();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save: A letter' }).click();
  const saved = join(mkdtempSync(join(tmpdir(), 'longhand-')), 'saved.longhand');
  await (await download).saveAs(saved);
  await page.getByRole('button', { name: 'Delete: A letter' }).click();
  await texts.nth(2).waitFor({ state: 'detached' });
  await page.locator('#take-in').setInputFiles(saved);
  await page.locator('#kept-notice', { hasText: 'none must be read again' }).waitFor();
  expect(await objectionsTo(page)).toEqual([]);
  await page.getByRole('button', { name: 'Open: A letter' }).click();
  await page.locator('#title', { hasText: 'A letter' }).waitFor();
  await reached(page, 'ready');
  await page.locator('#question').fill('Where is the brass key?');
  await page.locator('#ask').click();
  expect(await answered(page, 1)).toContain('attic');
  rmSync(dirname(saved), { recursive: true });
  expect(complaints).toEqual([]);
});
