import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { encryptStore } from '../../../src/stores/encrypted.js';
import { encryptedDatabase } from '../../../src/stores/encryption.js';
import { openStore, type Store } from '../../../src/stores/index.js';
import { makeSecret } from '../../support/make-secret.js';
import { random } from '../../support/random.js';

const utf8 = new TextEncoder();
const text = 'Where is the brass key? '.repeat(40);
const put = (store: Store, entries: Record<string, Uint8Array>): Promise<void> =>
  store.commit({ put: Object.entries(entries), delete: [] });

/** All that lies in a database, keys and values, as one text of Latin letters. */
const everythingIn = async (database: string): Promise<string> => {
  const plain = await openStore('idb', { database });
  const keys = await plain.list('');
  const values = await plain.getMany(keys);
  await plain.close();
  return keys.map((key, n) => key + Buffer.from(values[n]!).toString('latin1')).join('\n');
};

test('nothing of a text, of a name or of a hash can be read without the key', async () => {
  const store = await openStore('idb', { database: 'read', encryption: await makeSecret(1) });
  await put(store, {
    'session/my%20diary': utf8.encode(text),
    'page/00ff00ff00ff/007': utf8.encode(text),
    'page/00ff00ff00ff/008': utf8.encode(text),
  });
  await store.close();
  const found = await everythingIn(encryptedDatabase('read'));
  expect(found.length).toBeGreaterThan(3 * text.length);
  for (const word of ['brass', 'diary', '00ff', '007', 'longhand']) expect(found).not.toContain(word);
  expect(await everythingIn('read')).toBe('');
});

test('equal values are not equal bytes, and a value moved to another key does not open', async () => {
  const inner = await openStore('memory');
  const store = await encryptStore(inner, await makeSecret(1));
  await put(store, { 'a/1': utf8.encode(text), 'a/2': utf8.encode(text) });
  const [one, two] = await inner.list('a/');
  const [first, second] = await inner.getMany([one!, two!]);
  expect(first).not.toEqual(second);
  await put(inner, { [one!]: second! });
  const found = await store.getMany(['a/1', 'a/2']);
  expect(found.filter((bytes) => bytes !== undefined)).toEqual([utf8.encode(text)]);
});

test('another key is refused, and what is stored stays whole for the right one', async () => {
  const open = async (seed: number): Promise<Store> =>
    openStore('idb', { database: 'refused', encryption: await makeSecret(seed) });
  const store = await open(1);
  await put(store, { 'a/1': utf8.encode(text) });
  await store.close();
  const before = await everythingIn(encryptedDatabase('refused'));
  await expect(open(2)).rejects.toMatchObject({ code: 'storage/key' });
  expect(await everythingIn(encryptedDatabase('refused'))).toBe(before);
  const again = await open(1);
  expect(await again.get('a/1')).toEqual(utf8.encode(text));
  await again.close();
});

test('what was damaged is not there, and what a stranger put there is not listed', async () => {
  const inner = await openStore('memory');
  const store = await encryptStore(inner, await makeSecret(1));
  await put(store, { 'a/1': utf8.encode(text), 'a/2': utf8.encode(text) });
  const [one] = await inner.list('a/');
  for (const at of [0, 11, 12, 40, -1]) {
    const bytes = (await inner.get(one!))!;
    const damaged = bytes.slice();
    damaged[(at + bytes.length) % bytes.length]! ^= 1;
    await put(inner, { [one!]: damaged });
    const both = await store.getMany(['a/1', 'a/2']);
    expect(both.filter((found) => found !== undefined)).toHaveLength(1);
    await put(inner, { [one!]: bytes });
  }
  await put(inner, {
    [one!]: new Uint8Array(5),
    'a/stranger': new Uint8Array(3),
    'a/%%%': new Uint8Array(3),
  });
  expect(await store.list('a/')).toEqual(['a/1', 'a/2']);
});

test('calls that do not wait for each other count in the order they were made', async () => {
  const store = await encryptStore(await openStore('memory'), await makeSecret(3));
  const numbers = random(1);
  const wanted = new Map<string, Uint8Array | undefined>();
  const calls: Promise<void>[] = [];
  for (let n = 0; n < 200; n++) {
    const key = `k/${numbers.below(5)}`;
    const bytes = numbers.bytes(numbers.below(2) ? 200_000 : 3);
    const gone = numbers.below(3) === 0;
    wanted.set(key, gone ? undefined : bytes);
    calls.push(store.commit({ put: gone ? [] : [[key, bytes]], delete: gone ? [key] : [] }));
  }
  const found = await store.getMany([...wanted.keys()]);
  expect(found).toEqual([...wanted.values()]);
  await Promise.all(calls);
});

test.each(['password', new Uint8Array(32), null])('%s is no key', async (secret) => {
  const encryption = secret as unknown as CryptoKey;
  await expect(openStore('memory', { encryption })).rejects.toMatchObject({ code: 'input/option' });
});

test('a key for something else is no key', async () => {
  const encryption = await crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt']);
  await expect(openStore('memory', { encryption })).rejects.toThrow('a key for AES-GCM that may encrypt');
});
