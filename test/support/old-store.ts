import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { openMemory } from '../../src/stores/memory.js';
import type { Store } from '../../src/stores/store.js';

/** A store as an earlier version left it: see test/fixtures/stores. */
export const oldStore = async (name: string): Promise<Store> => {
  const packed = readFileSync(new URL(`../fixtures/stores/${name}.json.gz`, import.meta.url));
  const entries = Object.entries(JSON.parse(gunzipSync(packed).toString()) as Record<string, string>);
  const store = await openMemory();
  await store.commit({
    put: entries.map(([key, text]) => [key, Uint8Array.from(Buffer.from(text, 'base64'))] as const),
    delete: [],
  });
  return store;
};
