/** Model files in a real browser: downloaded once, gone on with after a crash, read without a network, deleted. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';
import { type ModelServer, type ServedFile, startModelServer } from '../support/model-server.js';

type Library = typeof import('../../src/index.js');
const root = join(import.meta.dirname, '../..');
const MODEL = readFileSync(join(root, 'examples/models/book-reader-5m-Q8_0.gguf'));
const PATH = '/model.gguf';
const types: Record<string, string> = { js: 'text/javascript', wasm: 'application/wasm' };

let server: ModelServer;
let browser: Browser;
let context: BrowserContext;
beforeAll(async () => {
  server = await startModelServer();
  server.files.set('/', {
    bytes: Buffer.from('<!doctype html><link rel="icon" href="data:,"><title>Cache</title>'),
    headers: { 'content-type': 'text/html' },
  });
  for (const name of readdirSync(join(root, 'dist'))) {
    const type = types[name.split('.').at(-1)!];
    if (!type) continue;
    server.files.set(`/dist/${name}`, {
      bytes: readFileSync(join(root, 'dist', name)),
      headers: { 'content-type': type },
    });
  }
  browser = await chromium.launch({
    executablePath: await ensureChromium(),
    args: chromiumArguments,
    timeout: 30_000,
  });
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  context = await browser.newContext();
  server.log.length = 0;
});
afterEach(() => context.close());

const serveModel = (served: Partial<ServedFile> = {}): void => {
  server.files.set(PATH, { bytes: MODEL, ...served });
};
const unreachable = (): void => serveModel({ instead: (request) => !!request.socket.destroy() });
const open = async (bundle = '/dist/index.js') => {
  const page = await context.newPage();
  await page.goto(`${server.address}/`);
  return { page, library: await page.evaluateHandle<Library>(`import('${bundle}')`) };
};
type Opened = Awaited<ReturnType<typeof open>>;
/** Loads the model and answers with it, so that every tensor must be right. */
const load = ({ page, library }: Opened) =>
  page.evaluate(
    async ([{ load }, url]) => {
      const shares: number[] = [];
      const model = await load(url, {
        kv: { store: 'none' },
        onProgress: ({ loaded, total }) => shares.push(loaded / total),
      }).catch((error) => error.code as string);
      if (typeof model === 'string') return { failure: model };
      const session = await model.session();
      await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
      const answer = await session.ask('Where is the brass key?', { maxTokens: 24 }).text();
      await model.close();
      const { downloadedBytes, cached, warnings } = model.info;
      return { answer, downloadedBytes, cached, warnings, shares };
    },
    [library, PATH] as const,
  );
const list = ({ page, library }: Opened) => page.evaluate(({ models }) => models(), library);
const stored = (page: Page) => page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);

test('downloaded in ranges, then read without a network, then deleted', async () => {
  serveModel();
  const opened = await open();
  const first = await load(opened);
  expect(first.answer).toContain('attic');
  expect(first).toMatchObject({ downloadedBytes: MODEL.length, cached: true, warnings: [] });
  expect(server.sent(PATH)).toBe(MODEL.length);
  expect(server.log.filter(({ path, status }) => path === PATH && status === 206).length).toBeGreaterThan(3);

  unreachable();
  await opened.page.reload();
  const again = await open();
  const second = await load(again);
  expect(second.answer).toBe(first.answer);
  expect(second).toMatchObject({ downloadedBytes: 0, cached: true });
  expect(second.shares!.at(-1)).toBe(1);

  const url = server.address + PATH;
  expect(await list(again)).toEqual([
    expect.objectContaining({ url, name: 'model.gguf', bytes: MODEL.length, parts: 1, complete: true }),
  ]);
  const before = await stored(again.page);
  await again.page.evaluate(({ deleteModel }) => deleteModel('/model.gguf'), again.library);
  expect(await list(again)).toEqual([]);
  await expect.poll(() => stored(again.page)).toBeLessThan(before - MODEL.length / 2);
  expect(await load(again)).toEqual({ failure: 'model/unreachable' });
});

test('a tab that crashes leaves what it has, and the next one goes on with it', async () => {
  serveModel({ slow: { bytes: 1 << 16, pause: 30 } });
  const crashed = await open();
  const watching = await open();
  const loading = load(crashed).catch(() => undefined);
  await expect
    .poll(async () => (await list(watching))[0]?.bytes ?? 0, { timeout: 30_000 })
    .toBeGreaterThan(1 << 20);
  const session = await context.newCDPSession(crashed.page);
  session.send('Page.crash').catch(() => undefined);
  await crashed.page.waitForEvent('crash');
  await loading;
  const [left] = await list(watching);
  expect(left).toMatchObject({ complete: false });
  serveModel();
  const seen = await load(watching);
  expect(seen.answer).toContain('attic');
  expect(seen.downloadedBytes).toBe(MODEL.length - left!.bytes);
  expect((await list(watching))[0]).toMatchObject({ complete: true, bytes: MODEL.length });
});

test('several tabs download once, and all see it progress', async () => {
  serveModel({ slow: { bytes: 1 << 17, pause: 60 } });
  const tabs = [await open(), await open(), await open()];
  const seen = await Promise.all(tabs.map(load));
  for (const { answer, shares } of seen) {
    expect(answer).toContain('attic');
    expect(shares!.filter((share) => share < 1).length).toBeGreaterThan(1);
    expect([...shares!].sort((a, b) => a - b)).toEqual(shares);
  }
  expect(server.sent(PATH)).toBe(MODEL.length);
  expect(seen.map(({ downloadedBytes }) => downloadedBytes).sort()).toEqual([0, 0, MODEL.length]);
});

test('a page that calls itself a model is not kept, and does not stand in the way', async () => {
  serveModel({ bytes: Buffer.from('<!doctype html><title>Sign in</title>') });
  const opened = await open();
  expect(await load(opened)).toEqual({ failure: 'model/corrupt' });
  expect(await list(opened)).toEqual([]);
  serveModel();
  expect((await load(opened)).answer).toContain('attic');
});

test('without a place for files it is loaded all the same, and says so', async () => {
  serveModel();
  const opened = await open('/dist/engine.js');
  const seen = await load(opened);
  expect(seen.answer).toContain('attic');
  expect(seen.cached).toBe(false);
  expect(seen.warnings).toEqual([expect.stringContaining('only by an engine that runs in a worker')]);
  expect(await list(opened)).toEqual([]);
});
