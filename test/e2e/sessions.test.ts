/** Kept sessions in several tabs and workers of one browser, and in a file that goes to another. */
import type { Browser, Page } from 'playwright';
import { expect, test } from 'vitest';
import { soon, useSite } from './visit.js';

const site = useSite();
type Library = typeof import('../../src/index.js');
type Opened = { library: Library; model: import('../../src/index.js').Model; worker: Worker };
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf';
const TEXT = `${'It was a quiet morning in Baker Street, and nothing had happened. '.repeat(30)}The value of nora is 4711.`;
const QUESTION = 'What is the value of nora?';

/** A model in a worker of its own, of this tab. */
const openModel = async (page: Page, store: 'idb' | 'opfs' = 'idb') => {
  const library = await page.evaluateHandle<Library>("import('/dist/index.js')");
  return page.evaluateHandle(
    async ([library, url, store]): Promise<Opened> => {
      const worker = new Worker('/dist/worker.js', { type: 'module' });
      return { library, worker, model: await library.load(url, { worker, kv: { store } }) };
    },
    [library, MODEL, store] as const,
  );
};

/** SIGKILL for the process that runs a page: the one that works while its page does. */
const killRenderer = async (browser: Browser, page: Page): Promise<void> => {
  const session = await browser.newBrowserCDPSession();
  const times = async (): Promise<Map<number, number>> => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer');
    return new Map(renderers.map(({ id, cpuTime }) => [id, cpuTime]));
  };
  const before = await times();
  await page.evaluate(() => {
    let sum = 0;
    for (let round = 0; round < 1e9; round++) sum += Math.sqrt(round);
    return sum;
  });
  const worked = [...(await times())].map(([id, time]) => [id, time - (before.get(id) ?? 0)] as const);
  const [busiest] = worked.sort(([, a], [, b]) => b - a);
  process.kill(busiest![0], 'SIGKILL');
  await session.detach();
};

test.each([
  'idb',
  'opfs',
] as const)('two tabs and three workers on %s: one writes, the others read or wait, and the dead are replaced', async (store) => {
  const { page: tab, complaints } = await site.visit('examples/');
  const other = await tab.context().newPage();
  await other.goto(tab.url());
  const [first, second, third] = [
    await openModel(tab, store),
    await openModel(tab, store),
    await openModel(other, store),
  ];

  const tokens = await tab.evaluate(
    async ([{ model }, text]) => {
      const session = await model.session({ id: 'book' });
      await session.append(text);
      return (await session.stats()).tokens;
    },
    [first, TEXT] as const,
  );

  /** What somebody else sees who asks for the session while it is open: refused as a writer, welcome as a reader. */
  const look = (page: Page, opened: typeof first) =>
    page.evaluate(
      async ([{ model }, question]) => {
        const refused = await model.session({ id: 'book' }).then(
          () => 'nothing',
          (error) => error.code,
        );
        const reader = await model.session({ id: 'book', readOnly: true });
        const stats = await reader.stats();
        const answer = await reader.ask(question, { maxTokens: 24, continue: true }).text();
        await reader.close();
        return { refused, reused: stats.reusedTokens, read: stats.prefill.tokens, answer };
      },
      [opened, QUESTION] as const,
    );
  const looks = [await look(tab, second), await look(other, third)];
  for (const seen of looks) {
    expect(seen).toMatchObject({ refused: 'input/busy', reused: tokens, read: 0 });
    expect(seen.answer).toContain('4711');
  }

  /** Waits for the session, then holds it. */
  const wait = (page: Page, opened: typeof first) =>
    page.evaluate(
      async ([{ model }, question]) => {
        const session = await model.session({ id: 'book', wait: true });
        const { reusedTokens } = await session.stats();
        const answer = await session.ask(question, { maxTokens: 24 }).text();
        return { reusedTokens, answer };
      },
      [opened, QUESTION] as const,
    );
  /** Two pages' calls overtake each other: the second in the queue asks once the first stands in it. */
  const queued = (length: number) =>
    tab.waitForFunction(async (n) => (await navigator.locks.query()).pending!.length === n, length);
  const thirdWaits = wait(other, third);
  await queued(1);
  const secondWaits = wait(tab, second);
  await queued(2);
  // The worker that writes is killed: the first in the queue takes its place.
  await tab.evaluate(({ worker }) => worker.terminate(), first);
  const third2 = await soon(thirdWaits, 'Taking the place of a dead worker');
  expect(third2).toMatchObject({ reusedTokens: tokens });
  expect(third2.answer).toContain('4711');
  // Its whole tab is closed: the next one does.
  await other.close();
  const second2 = await soon(secondWaits, 'Taking the place of a closed tab');
  expect(second2).toMatchObject({ reusedTokens: tokens, answer: third2.answer });

  const kept = await tab.evaluate(async ({ model }) => {
    const listed = await model.sessions();
    await model.close();
    return listed.map(({ id, tokens, restores }) => ({ id, tokens, restores }));
  }, second);
  expect(kept).toEqual([{ id: 'book', tokens, restores: 'pages' }]);
  expect(complaints).toEqual([]);
  await tab.close();
});

test('a tab that is killed with its process is replaced by one that waits, and leaves nothing broken', async () => {
  const { page: tab, complaints } = await site.visit('examples/');
  const other = await tab.context().newPage();
  await other.goto(tab.url());
  const [leader, waiter] = [await openModel(other), await openModel(tab)];
  const tokens = await other.evaluate(
    async ([{ model }, text]) => {
      const session = await model.session({ id: 'book' });
      await session.append(text);
      return (await session.stats()).tokens;
    },
    [leader, TEXT] as const,
  );
  const waiting = tab.evaluate(
    async ([{ model }, question]) => {
      const session = await model.session({ id: 'book', wait: true });
      const { reusedTokens, prefill, storage } = await session.stats();
      const answer = await session.ask(question, { maxTokens: 24, continue: true }).text();
      await session.close();
      const listed = await model.sessions();
      const again = await model.session({ id: 'book' });
      const { tokens, reusedTokens: kept, recomputedTokens } = await again.stats();
      await model.close();
      return { reusedTokens, read: prefill.tokens, storage, answer, listed, tokens, kept, recomputedTokens };
    },
    [waiter, QUESTION] as const,
  );
  // It dies in the middle of keeping what it says.
  const saying = other.evaluate(
    async ([{ model }, text]) => {
      const session = await model.session({ id: 'another' });
      await session.append(text);
    },
    [leader, `Something else. ${TEXT}`] as const,
  );
  saying.catch(() => undefined);
  const died = other.waitForEvent('crash');
  await killRenderer(site.browser, other);
  await died;

  const seen = await soon(waiting, 'Taking the place of a killed tab');
  expect(seen).toMatchObject({ reusedTokens: tokens, read: 0, storage: 'ok', recomputedTokens: 0 });
  expect(seen.answer).toContain('4711');
  expect(seen.listed).toContainEqual(expect.objectContaining({ id: 'book', restores: 'pages' }));
  expect(seen.tokens).toBeGreaterThan(tokens);
  expect(seen.kept).toBe(seen.tokens);
  expect(complaints).toEqual([]);
  await tab.close();
});

test('a session goes to another browser in a file, and is answered from there without reading', async () => {
  const { page } = await site.visit('examples/');
  const here = await openModel(page);
  const exported = await page.evaluate(
    async ([{ model }, text]) => {
      const session = await model.session({ id: 'book' });
      await session.append(text);
      const { tokens, persisted, storage } = await session.stats();
      const progress: number[] = [];
      const { file, restorableTokens, reason } = await model.exportSession('book', {
        onProgress: (p) => progress.push(p.loaded / p.total),
      });
      const base64 = await new Promise<string>((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve((reader.result as string).split(',')[1]!);
        reader.readAsDataURL(file);
      });
      await model.close();
      return { base64, tokens, persisted, storage, restorableTokens, reason, progress };
    },
    [here, TEXT] as const,
  );
  expect(exported).toMatchObject({ restorableTokens: exported.tokens, storage: 'ok' });
  expect(exported.reason).toBeUndefined();
  // A new browser asks nobody and grants nothing until it knows the site.
  expect(['yes', 'no']).toContain(exported.persisted);
  expect(exported.progress.at(-1)).toBe(1);
  await page.close();

  // Another visitor shares nothing with the first.
  const { page: elsewhere, complaints } = await site.visit('examples/');
  const there = await openModel(elsewhere);
  const seen = await elsewhere.evaluate(
    async ([{ model }, base64, question]) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const before = await model.sessions();
      const imported = await model.importSession(new File([bytes], 'book.longhand'));
      const again = await model.importSession(bytes).then(
        () => 'nothing',
        (error) => error.code,
      );
      bytes[bytes.length >> 1]! ^= 1;
      const damaged = await model.importSession(bytes, { id: 'damaged' }).then(
        () => 'nothing',
        (error) => error.code,
      );
      const session = await model.session({ id: 'book' });
      const { reusedTokens, prefill } = await session.stats();
      const answer = await session.ask(question, { maxTokens: 24 }).text();
      const after = (await model.sessions()).map(({ id }) => id);
      await model.close();
      return { before, imported, again, damaged, reusedTokens, read: prefill.tokens, answer, after };
    },
    [there, exported.base64, QUESTION] as const,
  );
  const { tokens } = exported;
  expect(seen).toMatchObject({
    before: [],
    imported: { id: 'book', tokens, restorableTokens: tokens },
    again: 'input/exists',
    damaged: 'storage/corrupt',
    reusedTokens: tokens,
    read: 0,
    after: ['book'],
  });
  expect(seen.answer).toContain('4711');
  expect(complaints).toEqual([]);
  await elsewhere.close();
});
