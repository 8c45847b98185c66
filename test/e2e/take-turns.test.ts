/** Many writers of one session, in two tabs: each turn is there once and whole, whoever dies; and what the browser promised. */
import type { JSHandle, Page } from 'playwright';
import { expect, test } from 'vitest';
import { soon, useSite } from './visit.js';

const site = useSite();
type Library = typeof import('../../src/index.js');
type Opened = { model: import('../../src/index.js').Model; worker: Worker };
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf';
const BEGIN = 'It was a quiet morning in Baker Street, and nothing had happened. '.repeat(30);
const QUESTION = 'What happened in the morning?';
/** What a writer appends: as long as several pages, so that it dies in the middle of one. */
const turnOf = (mark: string): string => `${`${mark} was here. `.repeat(40)}\n`;
const MARK = /([abc]\d+) was here\. /g;

/** A model in a worker of its own, of this tab. */
const openModel = async (page: Page, store: 'idb' | 'opfs') => {
  const library = await page.evaluateHandle<Library>("import('/dist/index.js')");
  return page.evaluateHandle(
    async ([library, url, store]): Promise<Opened> => {
      const worker = new Worker('/dist/worker.js', { type: 'module' });
      return { worker, model: await library.load(url, { worker, kv: { store } }) };
    },
    [library, MODEL, store] as const,
  );
};

/** Waits for the session, appends a text, and lets go of it; resolves to what it then holds. */
const writeTurn = (page: Page, opened: JSHandle<Opened>, text: string): Promise<number> =>
  page.evaluate(
    async ([{ model }, text]) => {
      const session = await model.session({ id: 'book', wait: true });
      await session.append(text);
      const { tokens } = await session.stats();
      await session.close();
      return tokens;
    },
    [opened, text] as const,
  );

/** All of the session's text, what of it was attached, and an answer that leaves nothing behind. */
const readAll = (page: Page, opened: JSHandle<Opened>) =>
  page.evaluate(
    async ([{ model }, question]) => {
      const session = await model.session({ id: 'book', readOnly: true });
      const { tokens, reusedTokens, recomputedTokens } = await session.stats();
      const text = await session.passage({ start: 0, end: tokens });
      const { restorableTokens } = await model.probeSession('book');
      const answer = await session.ask(question, { maxTokens: 16, ignoreStops: true, temperature: 0 }).text();
      await session.close();
      return { tokens, reusedTokens, recomputedTokens, restorableTokens, text, answer };
    },
    [opened, QUESTION] as const,
  );

test.each([
  'idb',
  'opfs',
] as const)('three workers of two tabs take turns at one session on %s while one dies and all of them read', async (store) => {
  const { page: tab, complaints } = await site.visit('examples/');
  const other = await tab.context().newPage();
  await other.goto(tab.url());
  const workers = {
    a: { page: tab, opened: await openModel(tab, store) },
    b: { page: tab, opened: await openModel(tab, store) },
    c: { page: other, opened: await openModel(other, store) },
  };
  const { a, b, c } = workers;
  const first = await writeTurn(tab, a.opened, BEGIN);

  const told: string[] = [];
  const write = async (name: 'a' | 'b' | 'c', rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      await writeTurn(workers[name].page, workers[name].opened, turnOf(`${name}${round}`));
      told.push(`${name}${round}`);
    }
  };
  /** What a reader sees is a state that somebody committed: it begins as all do, and never goes back. */
  const look = async ({ page, opened }: typeof a, times: number): Promise<void> => {
    let before = first;
    for (let time = 0; time < times; time++) {
      const seen = await readAll(page, opened);
      expect(seen.tokens).toBeGreaterThanOrEqual(before);
      expect(seen.recomputedTokens).toBe(0);
      before = seen.tokens;
    }
  };
  // The first worker dies as the writer, in the middle of its second turn.
  const dying = write('a', 1).then(() =>
    tab.evaluate(
      async ([{ model, worker }, text]) => {
        const session = await model.session({ id: 'book', wait: true });
        session.append(text).catch(() => undefined);
        setTimeout(() => worker.terminate(), 20);
      },
      [a.opened, turnOf('a1')] as const,
    ),
  );
  const all = Promise.all([dying, write('b', 4), write('c', 4), look(b, 3), look(c, 3)]);
  await soon(all, 'Taking turns', 120);

  const kept = await readAll(tab, b.opened);
  expect(kept).toMatchObject({
    reusedTokens: kept.tokens,
    recomputedTokens: 0,
    restorableTokens: kept.tokens,
  });
  // Every turn that was told is there once, whole; the one that was cut short, perhaps.
  const turns = kept.text.split('\n').flatMap((turn) => {
    const marks = [...turn.matchAll(MARK)].map(([, mark]) => mark!);
    return marks.length > 0 ? [marks] : [];
  });
  for (const marks of turns) expect([new Set(marks).size, marks.length]).toEqual([1, 40]);
  const order = turns.map(([mark]) => mark!);
  expect(order.filter((mark) => mark !== 'a1').sort()).toEqual([...told].sort());
  expect(order.filter((mark) => mark === 'a1').length).toBeLessThanOrEqual(1);
  expect(await readAll(other, c.opened)).toEqual(kept);
  expect(complaints).toEqual([]);
  await other.close();
  await tab.close();

  // Whoever reads the same turns alone and undisturbed has the same tokens, and gives the same answer.
  const { page: alone } = await site.visit('examples/');
  const undisturbed = await openModel(alone, store);
  for (const text of [BEGIN, ...order.map(turnOf)]) await writeTurn(alone, undisturbed, text);
  expect(await readAll(alone, undisturbed)).toEqual(kept);
  await alone.close();
});

test.each([
  ['granted', 'yes'],
  ['denied', 'no'],
] as const)('a browser that has %s lasting storage is asked with the first kept session, and what it says is shown: %s', async (setting, answer) => {
  const { page, complaints } = await site.visit('examples/');
  const devtools = await page.context().newCDPSession(page);
  const { targetInfo } = await devtools.send('Target.getTargetInfo');
  const permit = (setting: 'granted' | 'denied') =>
    devtools.send('Browser.setPermission', {
      browserContextId: targetInfo.browserContextId!,
      permission: { name: 'persistent-storage' },
      setting,
      origin: new URL(site.address).origin,
    });
  await permit(setting);
  const library = await page.evaluateHandle<Library>("import('/dist/index.js')");
  const visit = await page.evaluateHandle(
    async ([library, url]) => {
      const answers: boolean[] = [];
      const { persist } = StorageManager.prototype;
      StorageManager.prototype.persist = async function () {
        const said = await persist.call(this);
        answers.push(said);
        return said;
      };
      const model = await library.load(url, { kv: { store: 'idb' } });
      const unkept = await model.session();
      const before = answers.length;
      const session = await model.session({ id: 'book' });
      return { answers, before, unkept, session };
    },
    [library, MODEL] as const,
  );
  // Nobody waits for the answer, so it may come a moment later.
  await page.waitForFunction(({ answers }) => answers.length > 0, visit);
  const shown = () =>
    page.evaluate(async ({ answers, before, session, unkept }) => {
      const [kept, bare] = [await session.stats(), await unkept.stats()];
      return { answers, before, persisted: [kept.persisted, bare.persisted] };
    }, visit);
  const said = { answers: [answer === 'yes'], before: 0 };
  expect(await shown()).toEqual({ ...said, persisted: [answer, answer] });
  // It is what holds now that is told, not what was said once.
  await permit(setting === 'granted' ? 'denied' : 'granted');
  const other = answer === 'yes' ? 'no' : 'yes';
  expect(await shown()).toEqual({ ...said, persisted: [other, other] });
  expect(complaints).toEqual([]);
  await page.close();
});
