/** What somebody else did to our database, in a real browser: found out, computed again, told. */
import { expect, test } from 'vitest';
import { useSite } from './visit.js';

const site = useSite();
type Library = typeof import('../../src/index.js');
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf';
const TEXT = `${'It was a quiet morning in Baker Street, and nothing had happened. '.repeat(30)}The value of nora is 4711.`;
const QUESTION = 'What is the value of nora?';

test('bytes changed through a connection of one’s own', async () => {
  const { page, complaints } = await site.visit('examples/');
  const library = await page.evaluateHandle<Library>("import('/dist/index.js')");
  const seen = await page.evaluate(
    async ([{ load }, url, text, question]) => {
      const visit = async () => {
        const model = await load(url);
        try {
          const session = await model.session({ id: 'book' });
          await session.append(text);
          const answer = await session.ask(question, { maxTokens: 24 }).text();
          const { tokens, reusedTokens, recomputedTokens, storage } = await session.stats();
          await session.close();
          return { answer, tokens, reusedTokens, recomputedTokens, storage };
        } catch (error) {
          return { refused: (error as { code: string }).code };
        } finally {
          await model.close();
        }
      };
      const settled = <T>(request: IDBRequest<T>): Promise<T> =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      /** Changes every value whose key begins so; resolves to their number. */
      const change = async (prefix: string, changed: (bytes: Uint8Array) => unknown): Promise<number> => {
        const db = await settled(indexedDB.open('longhand'));
        const objects = db.transaction('records', 'readwrite').objectStore('records');
        const keys = await settled(objects.getAllKeys(IDBKeyRange.bound(prefix, `${prefix}\uffff`)));
        for (const key of keys) await settled(objects.put(changed(await settled(objects.get(key))), key));
        db.close();
        return keys.length;
      };
      const flip = (at: (length: number) => number) => (bytes: Uint8Array) => {
        bytes[at(bytes.length)]! ^= 64;
        return bytes;
      };
      const first = await visit();
      const again = await visit();
      const damages: [string, (bytes: Uint8Array) => unknown][] = [
        ['head/', flip(() => 0)],
        ['pages/', flip((length) => length >> 1)],
        ['tail/', flip((length) => length - 1)],
        ['pages/', () => 'no bytes at all'],
        ['listing/', flip(() => 20)],
      ];
      const found = [];
      for (const [prefix, how] of damages) {
        const count = await change(prefix, how);
        found.push({ prefix, count, after: await visit(), later: await visit() });
      }
      await change(
        'session/',
        flip((length) => length >> 1),
      );
      const refused = await visit();
      const model = await load(url);
      const listed = (await model.sessions()).map(({ id, restores }) => ({ id, restores }));
      await model.deleteSession('book');
      await model.close();
      return { first, again, found, refused, listed, anew: await visit() };
    },
    [library, MODEL, TEXT, QUESTION] as const,
  );
  const { first, again, found, anew } = seen;
  expect(first.answer).toContain('4711');
  expect(again).toEqual({ ...first, reusedTokens: first.tokens, recomputedTokens: 0 });
  for (const { prefix, count, after, later } of found) {
    expect(count, prefix).toBeGreaterThan(0);
    expect(after, prefix).toMatchObject({ answer: first.answer, tokens: first.tokens, storage: 'ok' });
    if (prefix === 'listing/') expect(after.recomputedTokens).toBe(0);
    else expect(after.recomputedTokens, prefix).toBeGreaterThan(0);
    expect(after.reusedTokens! + after.recomputedTokens!, prefix).toBeGreaterThanOrEqual(first.tokens!);
    expect(later, prefix).toMatchObject({ answer: first.answer, storage: 'ok' });
  }
  expect(seen.refused).toEqual({ refused: 'storage/corrupt' });
  expect(seen.listed).toEqual([{ id: 'book', restores: 'nothing' }]);
  expect(anew).toMatchObject({ answer: first.answer, storage: 'ok' });
  expect(anew.reusedTokens).toBeGreaterThanOrEqual(256);
  expect(complaints).toEqual([]);
  await page.close();
});
