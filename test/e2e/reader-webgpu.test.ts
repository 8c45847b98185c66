/** The reader on a software adapter: read, ask, stop, lose the device, come back. */
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { useSite } from './visit.js';

const site = useSite();
const TEXT = `${'The lamp was lit at dusk. '.repeat(12)}The brass key is hidden in the attic. ${'The sea was calm. '.repeat(6)}`;

/** In front of the worker's script: a word from the page loses the newest device. */
const PRELUDE = `
const { requestDevice } = GPUAdapter.prototype;
let newest;
GPUAdapter.prototype.requestDevice = async function (...args) { return (newest = await requestDevice.apply(this, args)); };
new BroadcastChannel('lose the device').onmessage = () => newest.destroy();
`;

const reached = async (page: Page, state: string): Promise<void> => {
  await page.locator(`body[data-state="${state}"], body[data-state="failed"]`).waitFor({ timeout: 120_000 });
  expect(await page.locator('#problem').textContent()).toBe('');
};
const give = (page: Page): Promise<void> =>
  page
    .locator('#file')
    .setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from(TEXT) });
const put = async (page: Page, question: string): Promise<void> => {
  await page.locator('#question').fill(question);
  await page.locator('#question').press('Enter');
};
const answer = async (page: Page): Promise<string> => {
  const last = page.locator('#transcript article').last().locator('.answer[data-done]');
  await last.waitFor({ timeout: 120_000 });
  await reached(page, 'ready');
  return (await last.textContent()) ?? '';
};
const tokens = (page: Page): Promise<Record<string, string | undefined>> =>
  page.locator('#reading').evaluate((element) => ({ ...element.dataset }));

test('the reader on WebGPU: asks, stops, survives its device, resumes', { timeout: 400_000 }, async () => {
  const { page, complaints } = await site.visit('examples/');
  await page.route('**/dist/worker.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${PRELUDE}${await response.text()}` });
  });
  await page.goto(new URL('examples/reader/?backend=webgpu', site.address).href);
  await reached(page, 'empty');
  await give(page);
  await reached(page, 'ready');
  const first = await tokens(page);
  await put(page, 'Where is the brass key?');
  expect(await answer(page)).toContain('attic');

  // Stopped before it says anything.
  await put(page, 'Where is the lamp?');
  await page.locator('#stop-answer').click();
  await reached(page, 'ready');

  // The device is lost while it answers: another one goes on.
  await put(page, 'Where is the brass key?');
  await page.evaluate(() => new BroadcastChannel('lose the device').postMessage('now'));
  expect(await answer(page)).toContain('attic');

  await page.reload();
  await reached(page, 'ready');
  expect(await tokens(page)).toMatchObject({ resumed: first.tokens, reused: first.tokens });
  expect(complaints).toEqual([]);
});
