import { LonghandError } from '../errors.js';
import { checkSecret, encryptedDatabase } from './encryption.js';
import { openIdb } from './idb.js';
import { loadEncrypted, loadOpfs } from './load-rarer.js';
import { openMemory } from './memory.js';
import type { Store, StoreOptions } from './store.js';

/** Where records may rest. */
export const stores = {
  memory: openMemory,
  idb: openIdb,
  opfs: async (options) => (await loadOpfs()).openOpfs(options),
} as const satisfies Record<Store['name'], (options?: StoreOptions) => Promise<Store>>;

export type StoreName = keyof typeof stores;

const refuse = (option: string, found: unknown, allowed: string): never => {
  throw new LonghandError(
    'input/option',
    `The store option '${option}' is ${JSON.stringify(found)}. It must be ${allowed}.`,
    { option },
  );
};

/**
 * Opens a store. Rejects with `input/option` for what it does not know, `storage/unavailable` when refused and
 * `storage/key` where it was encrypted with another key.
 */
export const openStore = async (name: StoreName, options: StoreOptions = {}): Promise<Store> => {
  const { database, durability } = options;
  if (!Object.hasOwn(stores, name)) refuse('store', name, `one of ${Object.keys(stores).join(', ')}`);
  if (database !== undefined && (typeof database !== 'string' || database === '')) {
    refuse('database', database, 'a name of at least one character');
  }
  if (durability !== undefined && durability !== 'relaxed' && durability !== 'strict') {
    refuse('durability', durability, "'relaxed' or 'strict'");
  }
  const secret = checkSecret('encryption', options.encryption);
  if (!secret) return stores[name](options);
  const { encryptStore } = await loadEncrypted();
  const inner = await stores[name]({ ...options, database: encryptedDatabase(database ?? 'longhand') });
  return encryptStore(inner, secret);
};

export type { Store, StoreBatch, StoreOptions } from './store.js';
