/**
 * The same text gives the same pages, bit for bit, and the same plans: in one piece, in many pieces, after a question
 * in between, or resumed from the store. Everything that is shared by content rests on this.
 */
import { expect, test } from 'vitest';
import { Context } from '../../src/generate/context.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { book, openBundled } from './bundled.js';
import { everything } from './everything.js';
import { readsTheSame } from './reads-the-same.js';

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
    const ids = (await model.tokenizer.encode(book().slice(5000, 9000))).slice(0, TOKENS);
    await readsTheSame(model, ids);
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
