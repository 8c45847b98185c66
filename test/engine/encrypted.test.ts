/** What is read is kept encrypted, found again with the key alone, and wiped so that nothing is left. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { load, wipe } from '../../src/engine/index.js';
import type { Model } from '../../src/loaded-model.js';
import { openStore } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { makeSecret } from '../support/make-secret.js';
import { randomModel } from '../support/random-model.js';

const gguf = randomModel({ architecture: 'llama', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 5, layers: 2 });
const database = 'secrets';
const open = (encryption: CryptoKey | undefined): Promise<Model> =>
  load(gguf, {
    ...{ kernelsUrl, threads: 1, attention: { method: 'dhsa', budget: 128 } },
    kv: { store: 'idb', database, ...(encryption && { encryption }) },
  });
const TEXT = 'the lighthouse keeper climbs the stairs '.repeat(60);

/** What session `diary` had attached, and what it answers. */
const visit = async (model: Model): Promise<{ resumed: number; reused: number; answer: string }> => {
  const session = await model.session({ id: 'diary', title: 'My secret diary' });
  const resumed = session.resumedTokens;
  await session.append(TEXT);
  const { reusedTokens } = await session.stats();
  const answer = await session.ask('Who?', { maxTokens: 8, temperature: 0 }).text();
  await session.close();
  await model.close();
  return { resumed, reused: reusedTokens, answer };
};

test('with its key a text is there again; without it nothing of it can be read', async () => {
  const secret = await makeSecret(7);
  const first = await visit(await open(secret));
  expect(first).toMatchObject({ resumed: 0, reused: 0 });
  const again = await visit(await open(await makeSecret(7)));
  expect(again.answer).toBe(first.answer);
  expect(again.resumed).toBeGreaterThan(400);

  await expect(open(await makeSecret(8))).rejects.toMatchObject({ code: 'storage/key' });
  const plain = await open(undefined);
  expect(await plain.sessions()).toEqual([]);
  await plain.close();

  const raw = await openStore('idb', { database: `${database} encrypted` });
  const keys = await raw.list('');
  const stored = await raw.getMany(keys);
  await raw.close();
  expect(keys.length).toBeGreaterThan(5);
  const all = keys.map((key, n) => key + Buffer.from(stored[n]!).toString('latin1')).join('\n');
  for (const word of ['diary', 'secret', 'lighthouse', 'llama']) expect(all).not.toContain(word);
});

test('wiped, nothing is left of plain and encrypted records, and the text is read anew', async () => {
  const secret = await makeSecret(7);
  const before = await visit(await open(secret));
  const plain = await visit(await open(undefined));
  expect(plain.answer).toBe(before.answer);
  await wipe({ database });
  expect(await indexedDB.databases()).toEqual([]);
  expect(await visit(await open(secret))).toMatchObject({ resumed: 0, reused: 0, answer: before.answer });
  await wipe({ database });
});

test('a session leaves an encrypted store encrypted, or where that is said not to matter', async () => {
  const secret = await makeSecret(7);
  await visit(await open(secret));
  const model = await open(secret);
  const other = await makeSecret(9);
  for (const [options, option] of [
    [{}, 'encryption'],
    [{ unencrypted: false }, 'encryption'],
    [{ encryption: other, unencrypted: true }, 'unencrypted'],
    [{ encryption: 'a pass phrase' }, 'exportSession.encryption'],
  ] as const)
    await expect(model.exportSession('diary', options as never)).rejects.toMatchObject({
      code: 'input/option',
      details: { option },
    });
  const { file } = await model.exportSession('diary', { encryption: other });
  const { file: plain } = await model.exportSession('diary', { unencrypted: true });
  const text = async (blob: Blob): Promise<string> =>
    Buffer.from(await blob.arrayBuffer()).toString('latin1');
  expect(await text(plain)).toContain('diary');
  expect(await text(file)).not.toContain('diary');
  await expect(model.importSession(file, { id: 'again' })).rejects.toMatchObject({ code: 'storage/key' });
  const again = await model.importSession(file, { id: 'again', encryption: other });
  expect(again.restorableTokens).toBeGreaterThan(400);
  await model.close();
  await wipe({ database });
});
