/** The reader where something is refused or comes at the wrong moment: storage, a model, a file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';
import { objectionsTo } from './accessible.js';
import { useSite } from './visit.js';

const site = useSite();
const FACT = 'The brass key is hidden in the attic.';
const RAIN = 'Rain fell on the roofs of the town. '.repeat(40);
const TEXT = `${RAIN}${FACT} ${RAIN}`;

const reached = (page: Page, state: string): Promise<void> =>
  page.locator(`body[data-state="${state}"]`).waitFor({ timeout: 120_000 });
const give = (page: Page, name: string): Promise<void> =>
  page.locator('#file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(TEXT) });
const drop = (page: Page, name: string): Promise<void> =>
  page.evaluate(
    ([name, text]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], name, { type: 'text/plain' }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    },
    [name, TEXT] as const,
  );
const titled = (page: Page, name: string): Promise<void> =>
  page.locator('#title', { hasText: name }).waitFor({ timeout: 60_000 });

test('a file that is dropped while the last text is being opened, or another is read, comes next', async () => {
  const { page, complaints } = await site.visit('examples/reader/');
  await reached(page, 'empty');
  await give(page, 'first.txt');
  await reached(page, 'ready');
  let goOn = (): void => undefined;
  const dropped = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  await page.route('**/dist/worker.js', (route) => dropped.then(() => route.continue()), { times: 1 });
  await page.reload();
  await page.locator('body[data-state="loading"]').waitFor();
  await drop(page, 'second.txt');
  expect(await page.locator('#next').textContent()).toBe(
    'second.txt is next: it is opened as soon as this is done.',
  );
  goOn();
  await titled(page, 'second.txt');
  await reached(page, 'ready');
  expect(await page.locator('#next').textContent()).toBe('');
  await page.locator('#kept-texts').getByRole('button', { name: 'Open: first.txt' }).waitFor();

  await page.locator('#read').click();
  await reached(page, 'reading');
  await drop(page, 'third.txt');
  expect(await page.locator('#next').textContent()).toContain('as soon as this text is read, or stopped');
  await page.locator('#stop').click();
  await titled(page, 'third.txt');
  await reached(page, 'ready');
  expect(complaints).toEqual([]);
});

const addresses = [
  ['nothing.gguf', 'The model could not be fetched.', 'answered 404'],
  ['https://localhost:1/m.gguf', 'The model could not be fetched.', 'could not be read'],
  ['examples/index.html', 'The model could not be fetched.', 'with an HTML page, not a model'],
  ['examples/reader/reader.js', 'That file is no GGUF model', 'reader.js'],
] as const;

test('the address of a model that cannot be had: said in words, and the one before goes on', async () => {
  const { page } = await site.visit('examples/reader/', { width: 390, height: 844 });
  await reached(page, 'empty');
  await page.locator('#choose > summary').click();
  for (const [address, words, exactly] of addresses) {
    await page.locator('#model-url').fill(new URL(address, site.address).href);
    await page.locator('#load-model').click();
    const problem = page.locator('#problem', { hasText: exactly });
    await problem.waitFor({ timeout: 60_000 });
    expect(await problem.textContent()).toContain(words);
    expect(await problem.textContent()).toContain(new URL(address, site.address).href);
    await reached(page, 'empty');
    expect(await page.locator('#model-name').textContent()).toBe('book-reader-5m');
  }
  expect(await objectionsTo(page)).toEqual([]);
  await page.close();
});

test('the suggested models are named with their sizes and lie where such files lie', async () => {
  const { page } = await site.visit('examples/reader/');
  await reached(page, 'empty');
  await page.locator('#choose > summary').click();
  const suggested = page.locator('#public-models li');
  expect(await suggested.count()).toBe(3);
  for (const entry of await suggested.all()) {
    expect(await entry.locator('small').textContent()).toMatch(/^about \d+ MB, reads [\d,]+ tokens, /);
    await entry.locator('button').click();
    const address = new URL(await page.locator('#model-url').inputValue());
    const [, owner, repository, ...rest] = address.pathname.split('/');
    expect([address.protocol, address.host, rest.slice(0, 2)]).toEqual([
      'https:',
      'huggingface.co',
      ['resolve', 'main'],
    ]);
    expect([owner, repository].every(Boolean)).toBe(true);
    expect(rest).toHaveLength(3);
    expect(rest[2]).toMatch(/-Q8_0\.gguf$/);
  }
  await page.close();
});

/** Chromium whose owner has blocked all storage of sites. */
let blocked: BrowserContext | undefined;
const profile = mkdtempSync(join(tmpdir(), 'longhand-blocked-'));
beforeAll(async () => {
  mkdirSync(join(profile, 'Default'));
  const settings = { default_content_setting_values: { cookies: 2 } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: settings }));
  blocked = await chromium.launchPersistentContext(profile, {
    executablePath: await ensureChromium(),
    args: chromiumArguments,
    viewport: { width: 390, height: 844 },
    timeout: 30_000,
  });
});
afterAll(async () => {
  await blocked?.close();
  rmSync(profile, { recursive: true, force: true });
});

test('on a phone that keeps nothing: all works for as long as the tab does, and the page says so', async () => {
  const page = await blocked!.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${site.address}examples/reader/`);
  await reached(page, 'empty');
  const refused = await page.evaluate(async () => {
    const asked: (() => unknown)[] = [
      () => localStorage,
      () => caches.open('x'),
      () => navigator.storage.getDirectory(),
    ];
    const nameOf = (error: Error): string => error.name;
    return Promise.all(asked.map(async (ask) => ask()).map((got) => got.then(() => 'granted', nameOf)));
  });
  expect(refused).toEqual(['SecurityError', 'SecurityError', 'SecurityError']);
  const lasting = page.locator('#lasting');
  expect(await lasting.textContent()).toContain('lasts only as long as this tab');
  expect(await lasting.isVisible()).toBe(true);
  expect(await page.locator('#promise li:visible').count()).toBe(2);
  expect(await page.locator('#persist').isVisible()).toBe(false);
  expect(await objectionsTo(page)).toEqual([]);

  await give(page, 'letter.txt');
  await reached(page, 'ready');
  await page.locator('#question').fill('Where is the brass key?');
  await page.locator('#question').press('Enter');
  const answer = page.locator('#transcript .answer[data-done]');
  await answer.waitFor({ timeout: 60_000 });
  expect(await answer.textContent()).toContain('attic');
  await page.locator('#passage mark', { hasText: 'attic' }).waitFor();
  expect(await lasting.isVisible()).toBe(true);
  expect(await page.locator('#problem').isVisible()).toBe(false);
  expect(await objectionsTo(page)).toEqual([]);

  // Stopped, it begins anew with the same words.
  await page.locator('#read').click();
  await page.locator('#status', { hasText: 'tokens/s' }).waitFor({ timeout: 60_000 });
  await page.locator('#stop').click();
  await page.locator('#go-on:focus').waitFor({ timeout: 60_000 });
  expect(await page.locator('#status').textContent()).toContain('it is read from its beginning');
  await page.locator('#go-on').click();
  await page.locator('#status', { hasText: 'of 32,240 tokens' }).waitFor({ timeout: 60_000 });
  await page.locator('#stop').click();
  await page.locator('#go-on:focus').waitFor({ timeout: 60_000 });

  await page.reload();
  await reached(page, 'empty');
  expect(await page.locator('#title').textContent()).toBe('No text yet');
  expect(errors).toEqual([]);
});

test(
  'the same on WebGPU, where trials of the device cannot be kept either',
  { timeout: 300_000 },
  async () => {
    const page = await blocked!.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(`${site.address}examples/reader/?backend=webgpu`);
    const reachedInTime = (state: string): Promise<void> =>
      page.locator(`body[data-state="${state}"]`).waitFor({ timeout: 120_000 });
    await reachedInTime('empty');
    const short = Buffer.from(`${FACT} ${RAIN.slice(0, 360)}`);
    await page.locator('#file').setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: short });
    await reachedInTime('ready');
    await page.locator('#question').fill('Where is the brass key?');
    await page.locator('#question').press('Enter');
    const answer = page.locator('#transcript .answer[data-done]');
    await answer.waitFor({ timeout: 120_000 });
    expect(await answer.textContent()).toContain('attic');
    expect(await page.locator('#lasting').isVisible()).toBe(true);
    expect(await page.locator('#problem').isVisible()).toBe(false);
    expect(errors).toEqual([]);
  },
);
