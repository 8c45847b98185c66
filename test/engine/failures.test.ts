/** What fails, or is stopped, in the middle of a forward call or a restore leaves nothing behind. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../src/backends/backend.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { LonghandError } from '../../src/errors.js';
import { Context } from '../../src/generate/context.js';
import type { Archive } from '../../src/kv/archive.js';
import { createPager } from '../../src/kv/pager.js';
import { book, openBundled } from './bundled.js';
import { everything } from './everything.js';

const refused = new LonghandError('memory/device', 'The device gave no more memory.');

/** A model whose backend fails in the n-th call of a verb from now on, once. */
const failing = (model: OpenModel) => {
  const { backend } = model.reader;
  const fuse: { verb: keyof Backend; calls: number } = { verb: 'attend', calls: Number.POSITIVE_INFINITY };
  const broken = new Proxy(backend, {
    get: (target, verb: keyof Backend) => {
      const found = target[verb];
      if (verb !== fuse.verb || typeof found !== 'function') return found;
      return (...args: unknown[]) => {
        if (--fuse.calls === 0) throw refused;
        return (found as (...args: unknown[]) => unknown)(...args);
      };
    },
  });
  return { fuse, model: { ...model, reader: { ...model.reader, backend: broken } } };
};

describe.each(['contrast', 'delimiters', 'fixed'] as const)('boundaries by %s', (boundaries) => {
  let model: OpenModel;
  let ids: number[];
  let other: number[];
  beforeAll(async () => {
    model = await openBundled({
      attention: { method: 'dhsa', budget: 192, boundaries },
      kv: { store: 'memory' },
    });
    ids = (await model.tokenizer.encode(book().slice(5000, 9000))).slice(0, 700);
    other = (await model.tokenizer.encode(book().slice(20_000, 24_000))).slice(0, 700);
    return () => model.close();
  });

  const expected = async () => {
    const context = new Context(model.reader);
    await context.append(ids.slice(0, 100), false);
    await context.append(other, false);
    const all = await everything(model, context);
    const { pairs } = context.meter.prefill;
    context.close();
    return { all, pairs };
  };

  test.each([
    ['mapPages', 3],
    ['appendKv', 6],
    ['summarize', 4],
    ['attend', 3],
    ['attend', 9],
    ['select', 11],
    ['matmul', 40],
  ] as const)('%s fails in its call %i', async (verb, calls) => {
    const { fuse, model: broken } = failing(model);
    const context = new Context(broken.reader);
    await context.append(ids.slice(0, 100), false);
    const before = { resident: context.resident, logits: (await context.logits()).slice() };
    const { pairs } = context.meter.prefill;
    Object.assign(fuse, { verb, calls });
    await expect(context.append(ids.slice(100), false)).rejects.toBe(refused);
    expect(fuse.calls).toBe(0);
    const wasted = context.meter.prefill.pairs - pairs;
    expect(context.tokens).toEqual(ids.slice(0, 100));
    expect(context.resident.pages).toBeLessThanOrEqual(before.resident.pages);
    expect(await context.logits()).toEqual(before.logits);

    await context.append(other, false);
    const { all, pairs: right } = await expected();
    expect(await everything(broken, context)).toEqual(all);
    // Rows 64 to 99, the open tile, are read once more than they would have been, and nothing else is counted.
    const again = context.meter.prefill.pairs - wasted - right;
    expect(again).toBeCloseTo(36 * 64 + (36 * 37) / 2, 3);
    context.close();
  });

  test('stopped while segments come from the store', async () => {
    const { reader, kept } = model;
    const open = (): Context => new Context(reader, createPager(kept!.archive, reader.arena.segmentTokens));
    const writer = open();
    await writer.append(ids, false);
    writer.close();
    await kept!.archive.drained();

    const stop = new AbortController();
    const { archive } = kept!;
    const stopping: Archive = {
      ...archive,
      chain: () => {
        const chain = archive.chain();
        return {
          ...chain,
          attach: (text, how) =>
            chain.attach(text, {
              ...how,
              onRun: async (run, head) => {
                const taken = await how.onRun(run, head);
                stop.abort();
                return taken;
              },
            }),
        };
      },
    };
    const context = new Context(reader, createPager(stopping, reader.arena.segmentTokens));
    await expect(context.append(ids, false, { signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(context.resident.pages).toBe(0);
    await context.append(ids.slice(0, 100), false);
    await context.append(other, false);
    expect(await everything(model, context)).toEqual((await expected()).all);
    context.close();
  });
});

test('a callback that throws ends the call with what it threw, and the context is as it was', async () => {
  const model = await openBundled({ attention: { method: 'dhsa', budget: 192 }, kv: { store: 'memory' } });
  const ids = (await model.tokenizer.encode(book().slice(5000, 9000))).slice(0, 700);
  const context = new Context(model.reader);
  const thrown = new Error('not today');
  const onProgress = (done: number): void => {
    if (done > 300) throw thrown;
  };
  await expect(context.append(ids, false, { onProgress })).rejects.toBe(thrown);
  expect(context.tokens).toEqual([]);
  expect(context.resident.pages).toBe(0);
  context.close();
  await model.close();
});

test('whoever waits behind a long text is neither deaf nor served last', async () => {
  const model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'none' } });
  const ids = (await model.tokenizer.encode(book().slice(5000, 14_000))).slice(0, 2048);
  const [long, short] = [new Context(model.reader), new Context(model.reader)];
  let done = 0;
  const reading = long.append(ids, false, { onProgress: (n) => (done = n) });
  await short.append(ids.slice(0, 20), false);
  expect(done).toBeLessThan(1024);
  const stop = new AbortController();
  const waiting = short.append(ids, false, { signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  expect(done).toBeLessThan(1536);
  await reading;
  expect(done).toBe(2048);
  for (const context of [long, short]) context.close();
  await model.close();
});

test('tokens count as read again only when they are', async () => {
  const model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'memory' } });
  const { reader, kept } = model;
  const ids = (await model.tokenizer.encode(book().slice(5000, 9000))).slice(0, 600);
  const open = (): Context => new Context(reader, createPager(kept!.archive, reader.arena.segmentTokens));
  const writer = open();
  await writer.append(ids, false);
  expect(writer.meter.recomputedTokens).toBe(0);
  writer.close();
  await kept!.archive.drained();
  const context = open();
  await context.append(ids.slice(0, 300), false);
  await context.append(ids.slice(300), false);
  // Of the first 300, 256 came from the store and 44 were computed; then the next whole segment came, those 44 in it.
  expect(context.meter).toMatchObject({ reusedTokens: 256 + 256, recomputedTokens: 0 });
  expect(context.meter.prefill.tokens).toBe(44 + 88);
  await context.append(ids.slice(0, 10), false);
  expect(context.meter.recomputedTokens).toBe(600 - 576);
  context.close();
  await model.close();
});
