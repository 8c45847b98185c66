/** The engine behind a worker, as a page uses it: the same surface, the same errors, and a worker that dies. */
import { expect, test } from 'vitest';
import { useSite } from './visit.js';

const site = useSite();
type Library = typeof import('../../src/index.js');
/** A page, and what `path` exports there. A string, since the test runner would rewrite an import. */
const visit = async (path = '/dist/index.js') => {
  const { page, complaints } = await site.visit('examples/');
  const library = await page.evaluateHandle<Library>(`import('${path}')`);
  return { page, complaints, library };
};
const MODEL = '/examples/models/book-reader-5m-Q8_0.gguf';

test('a page loads, reads, asks and counts', async () => {
  const { page, complaints, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const progress: number[] = [];
      const model = await load(url, {
        kv: { store: 'none' },
        onProgress: (p) => progress.push(p.loaded / p.total),
      });
      const session = await model.session();
      await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
      const pieces: string[] = [];
      for await (const piece of session.ask('Where is the brass key?', { maxTokens: 24 })) pieces.push(piece);
      const context = await model.context();
      await context.append(new Int32Array([1, 2, 3]));
      const logits = await context.logits();
      const ids = await context.generate({ maxTokens: 3, ignoreStops: true });
      const ranges = await context.plan({ layer: 0, head: 1 });
      const { tokens } = await context.stats();
      const round = await model.detokenize(await model.tokenize('naïve 😀'));
      await model.close();
      return {
        info: model.info,
        progress,
        pieces,
        logits: logits.length,
        ids: ids.length,
        ranges,
        tokens,
        round,
      };
    },
    [library, MODEL] as const,
  );
  expect(seen.info).toMatchObject({ backend: 'wasm', architecture: 'qwen3', store: 'none' });
  expect(seen.progress.at(-1)).toBe(1);
  expect(seen.pieces.length).toBeGreaterThan(3);
  expect(seen.pieces.join('')).toContain('attic');
  expect(seen).toMatchObject({ logits: 4096, ids: 3, tokens: 6, ranges: [[0, 5]], round: 'naïve 😀' });
  expect(complaints).toEqual([]);
});

test('files that retention names are found from where the page is, of a model, a session and a context', async () => {
  const { page, complaints, library } = await visit();
  const kept = await page.evaluate(
    async ([{ load }, url]) => {
      // Beside the page's address, not the worker's.
      const kernels = 'models/book-reader-5m-less.safetensors';
      const retention = { policy: 'snap-kv', budget: 64, recent: 8, evicted: 'less', kernels } as const;
      const model = await load(url, { kv: { store: 'none' }, retention });
      const session = await model.session({ retention });
      await session.append('The brass key is hidden in the attic. Nothing else happened. '.repeat(20));
      await session.ask('Where is the brass key?', { maxTokens: 4 }).finish;
      const { kept, tokens } = await session.stats();
      await (await model.context({ retention })).append([1, 2, 3]);
      await model.close();
      return [kept < tokens, model.info.retention];
    },
    [library, MODEL] as const,
  );
  expect(kept).toEqual([true, expect.stringContaining('evicted=less')]);
  expect(complaints).toEqual([]);
});

test('the script of constraints and tools is fetched when it is needed, and missed by its name', async () => {
  const { page, library } = await visit();
  let fetched = 0;
  await page.route('**/dist/constraint.js', (route) => {
    fetched += 1;
    return route.abort();
  });
  const free = await page.evaluate(
    async ([{ load }, url]) => {
      const model = await load(url, { kv: { store: 'none' } });
      const session = await model.session({ tools: [] });
      const { answerTokens } = await session.ask('Where is the brass key?', { maxTokens: 2 }).finish;
      await model.close();
      return answerTokens;
    },
    [library, MODEL] as const,
  );
  expect([free, fetched]).toEqual([2, 0]);
  const refused = await page.evaluate(
    async ([{ load }, url]) => {
      const model = await load(url, { kv: { store: 'none' } });
      const session = await model.session();
      const asked = [
        session.ask('?', { pattern: /a|b/ }).finish,
        model.session({ tools: [{ name: 'now' }] }),
      ];
      const errors = await Promise.allSettled(asked);
      await model.close();
      return errors.map((one) => one.status === 'rejected' && [one.reason.code, one.reason.details.keyword]);
    },
    [library, MODEL] as const,
  );
  expect(refused).toEqual(Array(2).fill(['unsupported/constraint', 'script']));
  expect(fetched).toBeGreaterThan(0);
});

test('schemas and expressions cross to the worker, refusals back', async () => {
  const { page, complaints, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const model = await load(url, { kv: { store: 'none' } });
      const session = await model.session();
      await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
      const schema = { type: 'object', properties: { found: { type: 'boolean' } }, required: ['found'] };
      const answer = session.ask('Is there a key?', { schema });
      const value = JSON.parse(await answer.text());
      const word = await session.ask('Where is the key?', { pattern: /attic|CELLAR/i }).text();
      const refused = await session
        .ask('?', { schema: { not: {} } })
        .finish.catch((error) => ({ code: error.code, keyword: error.details.keyword }));
      const { complete } = await answer.finish;
      await model.close();
      return { found: typeof value.found, complete, word: word.toLowerCase(), refused };
    },
    [library, MODEL] as const,
  );
  expect(seen).toEqual({
    found: 'boolean',
    complete: true,
    word: expect.stringMatching(/^(attic|cellar)$/),
    refused: { code: 'unsupported/constraint', keyword: 'not' },
  });
  expect(complaints).toEqual([]);
});

test('log-probabilities, biases and thoughts cross to the page', async () => {
  const { page, complaints, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      // The bundled model with a template that lets it think first: what it says then are thoughts.
      const file = new Uint8Array(await (await fetch(url)).arrayBuffer());
      const template = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
      const thinking = "{{'<|im_start|>assistant\\n'}}{% if thinking %}{{'<think>\\n'}}{% endif %}";
      const text = new TextDecoder('latin1').decode(file);
      const at = text.indexOf(template);
      file.set(new TextEncoder().encode(thinking.padEnd(template.length)), at);
      const model = await load(file, { kv: { store: 'none' } });
      const session = await model.session();
      await session.append('The brass key is hidden in the attic. Nothing else happened that day.');
      const question = 'Where is the brass key?';
      const plain = session.ask(question, { maxTokens: 12, logprobs: 2 });
      const said = { answer: await plain.text(), thoughts: await plain.reasoning.text() };
      const { logprobs } = await plain.finish;
      const first = logprobs![0]!.id;
      const banned = session.ask(question, {
        maxTokens: 12,
        logprobs: 0,
        logitBias: { [first]: Number.NEGATIVE_INFINITY },
      });
      const others = (await banned.finish).logprobs!.map(({ id }) => id);
      const thought = session.ask(question, { maxTokens: 6, reasoning: true });
      const thoughts: string[] = [];
      for await (const piece of thought.reasoning) thoughts.push(piece);
      const unfinished = { answer: await thought.text(), thoughts, finish: await thought.finish };
      await model.close();
      return { at, said, logprobs, first, others, unfinished };
    },
    [library, MODEL] as const,
  );
  expect(seen.at).toBeGreaterThan(0);
  expect(seen.said.answer).toContain('attic');
  expect(seen.said.thoughts).toBe('');
  expect(seen.logprobs!.map(({ text }) => text).join('')).toBe(seen.said.answer);
  expect(seen.logprobs![0]!.top.map(({ id }) => id)).toContain(seen.first);
  expect(seen.others).not.toContain(seen.first);
  expect(seen.unfinished.answer).toBe('');
  expect(seen.unfinished.thoughts.length).toBeGreaterThan(2);
  expect(seen.unfinished.finish).toMatchObject({
    reason: 'length',
    reasoning: { tokens: 6, finished: false },
  });
  expect(complaints).toEqual([]);
});

test('errors keep their code and details, aborts are the platform’s', async () => {
  const { page, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const failure = (promise: Promise<unknown>) =>
        promise.then(
          () => 'nothing',
          (e) => ({ name: e.name, code: e.code, details: e.details, abort: e instanceof DOMException }),
        );
      const model = await load(url, { kv: { store: 'none' }, maxTokens: 64 });
      const session = await model.session();
      const context = await model.context();
      const stop = new AbortController();
      const text = 'A long text. '.repeat(2000);
      const wide = await load(url, { kv: { store: 'none' } });
      const reading = (await wide.session()).append(text, {
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });
      return {
        tooLong: await failure(session.append('word '.repeat(200))),
        option: await failure(session.ask('Why?', { temperature: -1 }).finish),
        unknown: await failure(load(url, { attention: { method: 'magic' as 'dense' } })),
        missing: await failure(load('/no/such/model.gguf')),
        page: await failure(load('/examples/')),
        ids: await failure(context.append([99999])),
        aborted: await failure(reading),
        blob: await failure(load(new Blob(['not a model']))),
      };
    },
    [library, MODEL] as const,
  );
  expect(seen.tooLong).toMatchObject({
    name: 'LonghandError',
    code: 'input/too-long',
    details: { quota: 64 },
  });
  expect(seen.option).toMatchObject({ code: 'input/option', details: { option: 'temperature' } });
  expect(seen.unknown).toMatchObject({ code: 'input/option' });
  expect(seen.missing).toMatchObject({ code: 'model/unreachable' });
  expect(seen.page).toMatchObject({ code: 'model/unreachable' });
  expect(seen.ids).toMatchObject({ code: 'input/type' });
  expect(seen.aborted).toMatchObject({ name: 'AbortError', abort: true });
  expect(seen.blob).toMatchObject({ code: 'model/corrupt' });
});

test('callbacks: all of an answer, what they throw, and no port left behind', async () => {
  const { page, complaints, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      let ports = 0;
      const close = MessagePort.prototype.close;
      MessagePort.prototype.close = function () {
        ports--;
        close.call(this);
      };
      const Channel = MessageChannel;
      globalThis.MessageChannel = class extends Channel {
        constructor() {
          super();
          ports++;
        }
      };
      const failure = (promise: Promise<unknown>) =>
        promise.then(
          () => 'nothing',
          (e) => e.message ?? e,
        );
      const onProgress = () => {
        throw new Error('not today');
      };
      const model = await load(url, { kv: { store: 'none' } });
      const session = await model.session();
      const thrown = await failure(session.append('A long text. '.repeat(400), { onProgress }));
      const { tokens } = await session.stats();
      await session.append('The value of nora is 4711.');
      const answers = new Set<string>();
      for (let i = 0; i < 20; i++) {
        const answer = session.ask('What is the value of nora?', { maxTokens: 24 });
        let pieces = '';
        for await (const piece of answer) pieces += piece;
        answers.add(pieces);
      }
      const stop = new AbortController();
      const stopped = failure(session.append('A long text. '.repeat(400), { signal: stop.signal }));
      stop.abort();
      const aborted = await stopped;
      const unsendable = await failure(session.ask('Why?', { seed: (() => 1) as never }).finish);
      const nowhere = await failure(load('http://[', {}));
      await model.close();
      await model.close();
      await session.close();
      const closed = await failure(session.stats());
      return { thrown, tokens, answers: [...answers], aborted, unsendable, nowhere, closed, ports };
    },
    [library, MODEL] as const,
  );
  expect(seen.thrown).toBe('not today');
  expect(seen.tokens).toBe(0);
  expect(seen.answers).toHaveLength(1);
  expect(seen.answers[0]).toMatch(/4711\.?$/);
  expect(seen.aborted).toContain('aborted');
  expect(seen.unsendable).toContain('Pass plain data');
  expect(seen.nowhere).toContain('is no address');
  expect(seen.closed).toContain('was closed');
  // The call that could not be sent keeps the ports of its two callbacks until they are collected; nothing else does.
  expect(seen.ports).toBeLessThanOrEqual(2);
  expect(complaints).toEqual([]);
});

test('a worker that dies rejects every pending call, and every later one', async () => {
  const { page, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const worker = new Worker('/dist/worker.js', { type: 'module' });
      const model = await load(url, { worker, kv: { store: 'none' } });
      const session = await model.session();
      const code = (promise: Promise<unknown>) =>
        promise.then(
          () => 'nothing',
          (e) => e.code,
        );
      const pending = [
        code(session.append('A long text about very little. '.repeat(800))),
        code(session.stats()),
        code(model.tokenize('more '.repeat(100_000))),
      ];
      worker.terminate();
      const first = await Promise.all(pending);
      return [...first, await code(model.context())];
    },
    [library, MODEL] as const,
  );
  expect(seen[0]).toBe('engine/lost');
  expect(seen[2]).toBe('engine/lost');
  expect(seen[3]).toBe('engine/lost');
});

test('a worker that cannot start rejects the load', async () => {
  const { page, library } = await visit();
  const code = await page.evaluate(
    async ([{ load }, url]) => {
      return load(url, { workerUrl: '/dist/no-worker.js' }).then(
        () => 'nothing',
        (e) => e.code,
      );
    },
    [library, MODEL] as const,
  );
  expect(code).toBe('engine/lost');
});

test('both builds of the kernels answer the same question', async () => {
  const { page, library } = await visit();
  const seen = await page.evaluate(
    async ([{ load }, url]) => {
      const answers: string[] = [];
      for (const kernels of ['relaxed', 'simd128'] as const) {
        const model = await load(url, { kernels, kv: { store: 'none' } });
        const session = await model.session();
        await session.append('The value of tamevo is 7046. The brass key is hidden in the attic.');
        answers.push(`${model.info.build}: ${await session.ask('What is the value of tamevo?').text()}`);
        await model.close();
      }
      return answers;
    },
    [library, MODEL] as const,
  );
  expect(seen[0]).toMatch(/^relaxed: .*7046/);
  expect(seen[1]).toMatch(/^simd128: .*7046/);
});

test('the engine also runs in the page’s own thread', async () => {
  const { page, complaints, library } = await visit('/dist/engine.js');
  const answer = await page.evaluate(
    async ([{ load }, url]) => {
      const model = await load(url, { kv: { store: 'none' } });
      const session = await model.session();
      await session.append('The brass key is hidden in the attic.');
      return session.ask('Where is the brass key?', { maxTokens: 24 }).text();
    },
    [library, MODEL] as const,
  );
  expect(answer).toContain('attic');
  expect(complaints).toEqual([]);
});
