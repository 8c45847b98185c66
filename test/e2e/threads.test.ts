/** Threads in a page: several where it is cross-origin isolated, one where it is not, none left behind. */
import { expect, test } from 'vitest';
import { useSite } from './visit.js';

const site = useSite();
type Library = typeof import('../../src/index.js');
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf';

const visit = async (isolated: boolean) => {
  const { page, complaints } = await site.visit('examples/');
  if (!isolated) {
    await page.route('**/*', async (route) => {
      const response = await route.fetch();
      const headers = response.headers();
      delete headers['cross-origin-opener-policy'];
      delete headers['cross-origin-embedder-policy'];
      await route.fulfill({ response, headers });
    });
    await page.reload();
  }
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
  return { page, complaints, library: await page.evaluateHandle<Library>("import('/dist/index.js')") };
};

test('an isolated page takes the cores it has, and any number answers the same', async () => {
  const { page, complaints, library } = await visit(true);
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const found = [];
      for (const threads of ['auto', 1, 2, 3] as const) {
        const model = await load(url, { threads, kv: { store: 'none' } });
        const context = await model.context();
        await context.append(Array.from({ length: 600 }, (_, i) => 50 + ((i * 37) % 900)));
        const logits = Array.from(await context.logits());
        const ids = await context.generate({ maxTokens: 16, temperature: 0, ignoreStops: true });
        found.push({ threads: model.info.threads, reason: model.info.backendReason, logits, ids });
        await model.close();
      }
      return { found, cores: navigator.hardwareConcurrency };
    },
    [library, MODEL] as const,
  );
  const [auto, one, two, three] = seen.found;
  expect(auto!.threads).toBe(Math.min(8, seen.cores, Math.max(2, seen.cores - 1)));
  expect(auto!.reason).toContain(`this device has ${seen.cores} cores`);
  expect([one, two, three].map((run) => run!.threads)).toEqual([1, 2, 3]);
  for (const run of [auto, two, three]) {
    expect(run!.logits).toEqual(one!.logits);
    expect(run!.ids).toEqual(one!.ids);
  }
  expect(complaints).toEqual([]);
  await page.close();
});

test('a page that is not isolated reads with one thread, and says why', async () => {
  const { page, library } = await visit(false);
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const model = await load(url, { kv: { store: 'none' } });
      const session = await model.session();
      await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
      const text = await session.ask('Where is the brass key?', { maxTokens: 24 }).text();
      const { threads, backendReason } = model.info;
      await model.close();
      const refused = await load(url, { threads: 2, kv: { store: 'none' } }).then(
        () => undefined,
        (error) => ({ code: error.code, message: error.message }),
      );
      return { text, threads, backendReason, refused };
    },
    [library, MODEL] as const,
  );
  expect(seen.text).toContain('attic');
  expect(seen).toMatchObject({ threads: 1, refused: { code: 'unsupported/backend' } });
  expect(seen.backendReason).toContain('the page is not cross-origin isolated');
  expect(seen.refused?.message).toContain('Cross-Origin-Embedder-Policy: require-corp');
  await page.close();
});

test('threads end with their model and with their engine', async () => {
  const session = await site.browser.newBrowserCDPSession();
  const workers = async (): Promise<number> => {
    const { targetInfos } = await session.send('Target.getTargets', { filter: [{ type: 'worker' }] });
    return targetInfos.length;
  };
  // The workers of pages that were closed before take a moment to end.
  await expect.poll(workers, { timeout: 20_000 }).toBe(0);
  const { page, library } = await visit(true);
  const models = await page.evaluateHandle(
    async ([{ load }, url]) =>
      Promise.all([2, 4].map((threads) => load(url, { threads, kv: { store: 'none' } }))),
    [library, MODEL] as const,
  );
  expect(await workers()).toBe(2 + 1 + 3);
  await models.evaluate(async (all) => all[1]!.close());
  await expect.poll(workers, { timeout: 20_000 }).toBe(1 + 1);
  await page.close();
  await expect.poll(workers, { timeout: 20_000 }).toBe(0);
});
