/** Threads change how long something takes, and nothing else; they come and go with their model. */
import 'fake-indexeddb/auto';
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import { load } from '../../src/engine/index.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { Context } from '../../src/generate/context.js';
import { generate } from '../../src/generate/generate.js';
import { kernelsUrl, threadUrl } from '../support/kernels.js';
import { book, MODEL, openBundled } from './bundled.js';
import { everything } from './everything.js';

const TOKENS = 700;
const open = (threads: number | 'auto', options: EngineOptions = {}) =>
  openBundled({ threads, threadUrl, kv: { store: 'none' }, maxTokens: 2048, ...options });
const wasm = {
  simd128: new URL('kernels.wasm', kernelsUrl),
  relaxed: new URL('kernels.relaxed.wasm', kernelsUrl),
};

/** Pages, plans, logits and an answer. */
const outcome = async (threads: number, options: EngineOptions) => {
  const model = await open(threads, options);
  expect(model.info.threads).toBe(threads);
  const ids = (await model.tokenizer.encode(book().slice(9000, 13000))).slice(0, TOKENS);
  const context = new Context(model.reader);
  await context.append(ids, false);
  const read = await everything(model, context);
  const answer = await generate(context, 2048, model.tokenizer, { maxTokens: 24, temperature: 0 }, {});
  const found = { read, answer: answer.ids, logits: [...(await context.logits())] };
  context.close();
  await model.close();
  return found;
};

test.each<EngineOptions>([
  { attention: { method: 'dense' } },
  { attention: { method: 'dhsa', budget: 256 } },
  { attention: { method: 'blocks', budget: 256 } },
  { attention: { method: 'dhsa', budget: 128 }, kv: { store: 'none', keys: 'f16', values: 'q4' } },
])('any number of threads reads and answers the same, bit for bit: %j', async (options) => {
  const one = await outcome(1, options);
  for (const threads of [2, 3]) expect(await outcome(threads, options), `${threads} threads`).toEqual(one);
});

test('what one thread has read, several attach', async () => {
  const kv = { store: 'idb', database: 'threads' } as const;
  const text = book().slice(20_000, 23_000);
  const read = async (threads: number) => {
    const model = await load(MODEL, { kernelsUrl, threadUrl, threads, kv });
    const session = await model.session();
    await session.append(text);
    const { reusedTokens } = await session.stats();
    await model.close();
    return { reusedTokens, threads: model.info.threads };
  };
  expect(await read(1)).toEqual({ threads: 1, reusedTokens: 0 });
  const second = await read(2);
  expect(second.threads).toBe(2);
  expect(second.reusedTokens).toBeGreaterThanOrEqual(256);
});

describe('what cannot be had', () => {
  test('no script: one thread with auto, which says so; an error for a number', async () => {
    const missing = new URL('no-such-thread.js', kernelsUrl).href;
    const model = await open('auto', { threadUrl: missing });
    expect(model.info.threads).toBe(1);
    expect(model.info.backendReason).toMatch(/1 thread: a thread could not be started .*no-such-thread/);
    await model.close();
    await expect(open(2, { threadUrl: missing })).rejects.toMatchObject({
      code: 'unsupported/backend',
      details: { threads: 2 },
    });
  });

  test('a script that is no thread of this version', async () => {
    const other = (body: string): string =>
      `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'; ${body}`)}`;
    for (const [script, why] of [
      [other("throw new Error('broken');"), /broken/],
      [other('parentPort.once("message", () => process.exit(0));'), /ended at once/],
      [
        other('parentPort.once("message", () => parentPort.postMessage({ refused: "not today" }));'),
        /not today/,
      ],
    ] as const) {
      const model = await open('auto', { threadUrl: script });
      expect(model.info).toMatchObject({ threads: 1, backendReason: expect.stringMatching(why) });
      await model.close();
    }
  });

  test('numbers that are none', async () => {
    for (const threads of [0, -1, 1.5, 65, 'all' as never]) {
      await expect(open(threads)).rejects.toMatchObject({ code: 'input/option' });
    }
  });

  test('kernels as a compiled module cannot be shared', async () => {
    const { readFile } = await import('node:fs/promises');
    const simd128 = await WebAssembly.compile(await readFile(wasm.simd128));
    const backend = await createWasmBackend({ wasm: { simd128 }, threads: 'auto', threadUrl });
    expect(backend).toMatchObject({ threads: 1, reason: expect.stringContaining('compiled module') });
    await expect(createWasmBackend({ wasm: { simd128 }, threads: 2, threadUrl })).rejects.toMatchObject({
      code: 'unsupported/backend',
    });
  });
});

test('a thread that dies is told of: nothing is computed after it', async () => {
  // Answers as a thread does, then ends.
  const dying = `data:text/javascript,${encodeURIComponent(
    `import { parentPort } from 'node:worker_threads';
     parentPort.once('message', () => { parentPort.postMessage({}); setTimeout(() => process.exit(1), 20); });`,
  )}`;
  const model = await open(2, { threadUrl: dying });
  const ids = await model.tokenizer.encode(book().slice(0, 2000));
  const context = new Context(model.reader);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await expect(context.append(ids, false)).rejects.toMatchObject({ code: 'engine/lost' });
  await model.close();
});

const tasks = '/proc/self/task';
test.skipIf(!existsSync(tasks))('threads end with their model, also one that never loaded', async () => {
  const count = (): number => readdirSync(tasks).length;
  await (await open(2)).close();
  let before = count();
  // Threads of earlier tests may still be on their way out.
  for (let calm = 0; calm < 5; calm = count() === before ? calm + 1 : 0) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const models = await Promise.all([open(3), open(4)]);
  expect(count()).toBeGreaterThanOrEqual(before + 5);
  for (const model of models) await model.close();
  await expect.poll(count, { timeout: 20_000 }).toBeLessThanOrEqual(before);
  const backends = await Promise.all(
    [2, 3].map((threads) => createWasmBackend({ wasm, threads, threadUrl })),
  );
  for (const backend of backends) {
    backend.close();
    backend.close();
  }
  await expect.poll(count, { timeout: 20_000 }).toBeLessThanOrEqual(before);
});
