/**
 * The same text gives the same pages, bit for bit, and the same plans: in one piece, in many pieces, after a question
 * in between, or resumed from the store. Everything that is shared by content rests on this.
 */
import { expect, test } from 'vitest';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { book, openBundled } from './bundled.js';
import { everything } from './everything.js';

const TOKENS = 900;

const methods: AttentionOptions[] = [
  { method: 'dense' },
  { method: 'sliding', window: 200 },
  { method: 'blocks', budget: 256 },
  { method: 'dhsa', budget: 256 },
  { method: 'dhsa', budget: 256, boundaries: 'delimiters', lists: 'layer' },
];

for (const attention of methods) {
  test(`in one piece, in many, resumed: ${JSON.stringify(attention)}`, async () => {
    const model = await openBundled({ attention, kv: { store: 'memory' }, maxTokens: 1024 });
    const { reader, kept } = model;
    const ids = (await model.tokenizer.encode(book().slice(5000, 9000))).slice(0, TOKENS);
    const open = (): Context =>
      new Context(reader, createPager(reader.backend, kept!.archive, reader.arena.segmentTokens));

    const one = new Context(reader);
    await one.append(ids, false);
    const expected = await everything(model, one);
    expect(expected.pages.length).toBe(6 * Math.floor(TOKENS / 64));
    one.close();

    for (const cuts of [
      [1, 300],
      [63, 64, 65, 512],
      [100, 301, 600, 620, 640, 660],
    ]) {
      const many = new Context(reader);
      let from = 0;
      for (const cut of [...cuts, TOKENS]) {
        await many.append(ids.slice(from, cut), false);
        from = cut;
      }
      expect(await everything(model, many), `cut at ${cuts}`).toEqual(expected);
      many.close();
    }

    const asked = new Context(reader);
    await asked.append(ids.slice(0, 500), false);
    const bookmark = asked.bookmark();
    await asked.append(ids.slice(700, 760), true);
    for (let i = 0; i < 5; i++) {
      await asked.logits();
      asked.push(ids[i]!);
    }
    asked.rewind(bookmark);
    await asked.append(ids.slice(500), false);
    expect(await everything(model, asked), 'a question in between').toEqual(expected);
    asked.close();

    const writer = open();
    await writer.append(ids, false);
    writer.close();
    await kept!.archive.drained();
    const resumed = open();
    await resumed.append(ids, false);
    expect(resumed.meter.reusedTokens).toBe(768);
    expect(await everything(model, resumed), 'resumed').toEqual(expected);
    resumed.close();

    const later = open();
    await later.append(ids.slice(0, 300), false);
    expect(later.meter.reusedTokens).toBe(256);
    await later.append(ids.slice(300), false);
    expect(later.meter.reusedTokens).toBe(768);
    expect(await everything(model, later), 'resumed in pieces').toEqual(expected);
    later.close();
    await model.close();
  });
}

test('the comparison can fail: rows that are planned one by one fill other pages', async () => {
  const model = await openBundled({ attention: { method: 'dhsa', budget: 192 }, kv: { store: 'none' } });
  const ids = (await model.tokenizer.encode(book().slice(5000, 7000))).slice(0, 500);
  const tiles = new Context(model.reader);
  await tiles.append(ids, false);
  const rows = new Context(model.reader);
  await rows.append(ids, true);
  const [a, b] = [await everything(model, tiles), await everything(model, rows)];
  expect(a.pages[0]).toBe(b.pages[0]);
  expect(a.pages.at(-1)).not.toBe(b.pages.at(-1));
  await model.close();
});
