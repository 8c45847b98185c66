/** One engine for several tabs, by the built scripts: two loads in one page stand for two tabs, an iframe for one that dies. */
import { afterAll, expect, test } from 'vitest';
import type { Model, Session } from '../../src/index.js';
import type { loadShared as Load, TabRole } from '../../src/shared.js';

const BUILT = '/dist/shared.js';
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf';
const FACT = 'The value of mika is 4711.';
const QUESTION = 'What is the value of mika?';
const TOLD = { continue: true, maxTokens: 12 };

const { loadShared } = (await import(/* @vite-ignore */ BUILT)) as { loadShared: typeof Load };
const roles: Record<string, TabRole[]> = {};
const open: Model[] = [];
const tab = async (who: string, name: string): Promise<Model> => {
  roles[who] = [];
  const kv = { database: name, persist: false };
  const onRole = (role: TabRole) => roles[who]!.push(role);
  const model = await loadShared(MODEL, { name, kv, threads: 1, onRole });
  open.push(model);
  return model;
};
afterAll(async () => {
  for (const model of open) await model.close();
});
const answerOf = (session: Session): Promise<string> => session.ask(QUESTION, TOLD).text();
const codeOf = (error: { code?: string }): unknown => error.code;

test('one tab serves, the others are served, and the next one takes over with what was kept', async () => {
  const first = await tab('first', 'tabs');
  const second = await tab('second', 'tabs');
  expect(roles).toEqual({ first: ['serving'], second: ['served'] });
  expect(second.info).toEqual(first.info);

  const mine = await first.session({ id: 'mine' });
  const theirs = await second.session({ id: 'theirs' });
  const unnamed = await second.session();
  const progress: number[] = [];
  await theirs.append(FACT, { onProgress: ({ loaded }) => progress.push(loaded) });
  expect(progress.length).toBeGreaterThan(0);
  const answer = theirs.ask(QUESTION, TOLD);
  const pieces: string[] = [];
  for await (const piece of answer) pieces.push(piece);
  expect(pieces.length).toBeGreaterThan(2);
  expect(pieces.join('')).toContain('4711');
  // Both tabs see what both keep, and neither takes what the other has open.
  await mine.append('Nora Quill lives in Bergen.');
  expect((await second.sessions()).map(({ id }) => id).sort()).toEqual(['mine', 'theirs']);
  await expect(second.session({ id: 'mine' })).rejects.toMatchObject({ code: 'input/busy' });
  await expect(second.tokenize(7 as never)).rejects.toMatchObject({ code: 'input/type' });
  await expect(second.session({ title: (() => 1) as never })).rejects.toMatchObject({ code: 'input/type' });
  const stop = new AbortController();
  const given = theirs.ask('Who are you?', { signal: stop.signal, maxTokens: 2000, ignoreStops: true });
  for await (const _ of given.parts) {
    stop.abort();
    break;
  }
  await expect(given.finish).rejects.toMatchObject({ name: 'AbortError' });

  // What is under way is lost; all else goes on where it was kept.
  const cut = theirs.ask(QUESTION, { ...TOLD, maxTokens: 2000, ignoreStops: true });
  const through = async (): Promise<void> => {
    // Closing twice is no error.
    for await (const _ of cut.parts) void first.close();
  };
  expect(await through().catch(codeOf)).toBe('engine/lost');
  expect(await answerOf(theirs)).toContain('4711');
  expect(roles.second).toEqual(['served', 'serving']);
  expect((await theirs.messages()).map(({ role }) => role)).toEqual([
    ...['user', 'user', 'assistant', 'user', 'assistant'],
  ]);
  expect(await unnamed.messages().catch(codeOf)).toBe('engine/lost');
  expect(await mine.messages().catch(codeOf)).toBe('engine/closed');
  const left = await second.session({ id: 'mine' });
  expect((await left.messages()).map(({ text }) => text)).toEqual(['Nora Quill lives in Bergen.']);
});

test('a tab that leaves or dies gives back what it had open', async () => {
  const first = await tab('stays', 'leaving');
  const frame = document.createElement('iframe');
  document.body.append(frame);
  const inside = frame.contentWindow as Window & { eval(source: string): Promise<void> };
  await inside.eval(`(async () => {
    const { loadShared } = await import('${new URL(BUILT, location.href).href}');
    const options = { name: 'leaving', kv: { database: 'leaving', persist: false }, threads: 1 };
    const model = await loadShared('${new URL(MODEL, location.href).href}', options);
    await (await model.session({ id: 'theirs' })).append('${FACT}');
  })()`);
  await expect(first.session({ id: 'theirs' })).rejects.toMatchObject({ code: 'input/busy' });
  frame.remove();
  const theirs = await first.session({ id: 'theirs', wait: true });
  expect(await answerOf(theirs)).toContain('4711');

  const third = await tab('leaves', 'leaving');
  await third.session({ id: 'other' });
  await third.close();
  await (await first.session({ id: 'other' })).close();
  expect(await third.sessions().catch(codeOf)).toBe('engine/closed');
  expect(roles.stays).toEqual(['serving']);
});
