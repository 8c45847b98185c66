import { LonghandError } from '../errors.js';
import { ADDED_BYTES, type Ciphers, createCiphers } from './ciphers.js';
import type { Store } from './store.js';

/** Tells whether a secret is the one that everything here was encrypted with. */
const PROOF = '.key';
const PROVEN = new TextEncoder().encode('longhand');

const wrongKey = (cause: unknown): LonghandError =>
  new LonghandError(
    'storage/key',
    'What is stored was encrypted with another key. Nothing of it was changed. Give the key it was made with, use another database, or wipe this one.',
    {},
    { cause },
  );

/** Settles once this secret is known to be that of the store. Of two who come first, one's secret counts. */
const prove = async (store: Store, ciphers: Ciphers): Promise<void> => {
  const unlock = await store.lock(PROOF, { wait: true });
  try {
    const found = await store.get(PROOF);
    if (found) {
      const bytes = await ciphers.decrypt(PROOF, found).catch((error) => {
        throw wrongKey(error);
      });
      if (bytes.length !== PROVEN.length) throw wrongKey(undefined);
    } else {
      await store.commit({ put: [[PROOF, await ciphers.encrypt(PROOF, PROVEN)]], delete: [] });
    }
  } finally {
    unlock?.();
  }
};

/**
 * A store whose values and keys mean nothing without `secret` (AES-GCM; keys: src/stores/ciphers.ts). Of a key only its
 * first part, before the first `/`, stays as it is: it names a kind of record. What lies here and cannot be decrypted is
 * as if it were not there. Rejects with `storage/key` where the store was encrypted with another secret; takes the store
 * over, and closes it then.
 */
export const encryptStore = async (store: Store, secret: CryptoKey): Promise<Store> => {
  const ciphers = await createCiphers(secret);
  await prove(store, ciphers).catch(async (error) => {
    await store.close();
    throw error;
  });

  /** Calls reach the store in the order they were made, however long their encryption takes. */
  let reached: Promise<unknown> = Promise.resolve();
  const inOrder = async <P, T>(prepared: Promise<P>, call: (prepared: P) => Promise<T>): Promise<T> => {
    const before = reached;
    const called = Promise.allSettled([prepared, before]).then(([outcome]) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      // In an object: those behind wait for the call, not for its end.
      return { done: call(outcome.value) };
    });
    reached = called;
    return (await called).done;
  };

  const hideParts = (parts: readonly string[]): Promise<string[]> =>
    Promise.all(parts.map((part, n) => (n === 0 || part === '' ? part : ciphers.hide(part))));
  const hide = async (key: string): Promise<string> => (await hideParts(key.split('/'))).join('/');
  const show = async (hidden: string): Promise<string | undefined> => {
    if (hidden === PROOF) return undefined;
    const parts = await Promise.all(
      hidden.split('/').map((part, n) => (n === 0 || part === '' ? part : ciphers.show(part))),
    );
    return parts.includes(undefined) ? undefined : parts.join('/');
  };
  const open = (key: string, bytes: Uint8Array | undefined): Promise<Uint8Array | undefined> =>
    bytes ? ciphers.decrypt(key, bytes).catch(() => undefined) : Promise.resolve(undefined);

  const getMany = async (keys: readonly string[]): Promise<(Uint8Array | undefined)[]> => {
    const stored = inOrder(Promise.all(keys.map(hide)), async (hidden) => ({
      hidden,
      found: await store.getMany(hidden),
    }));
    const { hidden, found } = await stored;
    return Promise.all(found.map((bytes, n) => open(hidden[n]!, bytes)));
  };

  /** Keys with a prefix, as they are stored and as they are called. */
  const find = async (prefix: string): Promise<{ hidden: string; key: string }[]> => {
    // The last part of a prefix may be cut off anywhere: it is compared afterwards.
    const whole = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/') + 1) : prefix;
    const hidden = await inOrder(hide(whole), (start) => store.list(start));
    const keys = await Promise.all(hidden.map(show));
    return keys.flatMap((key, n) => (key?.startsWith(prefix) ? [{ hidden: hidden[n]!, key }] : []));
  };

  return {
    name: store.name,
    encrypted: true,
    get: async (key) => (await getMany([key]))[0],
    getMany,
    commit(batch) {
      const prepared = async () => {
        const put = batch.put.map(async ([key, bytes]) => {
          // Taken now: the caller may not wait for what is done first.
          const copy = bytes.slice();
          const hidden = await hide(key);
          return [hidden, await ciphers.encrypt(hidden, copy)] as const;
        });
        return { put: await Promise.all(put), delete: await Promise.all(batch.delete.map(hide)) };
      };
      return inOrder(prepared(), (encrypted) => store.commit(encrypted));
    },
    list: async (prefix) => (await find(prefix)).map(({ key }) => key).sort(),
    async size(prefix) {
      if (/\/[^/]+$/.test(prefix)) {
        const found = await find(prefix);
        const stored = await store.getMany(found.map(({ hidden }) => hidden));
        return stored.reduce((sum, bytes) => sum + (bytes ? bytes.length - ADDED_BYTES : 0), 0);
      }
      const start = await hide(prefix);
      const [bytes, keys] = await inOrder(Promise.resolve(), () =>
        Promise.all([store.size(start), store.list(start)]),
      );
      return bytes - keys.length * ADDED_BYTES - (keys.includes(PROOF) ? PROVEN.length : 0);
    },
    lock: (name, how) => store.lock(name, how),
    close: () => inOrder(Promise.resolve(), () => store.close()),
  };
};
