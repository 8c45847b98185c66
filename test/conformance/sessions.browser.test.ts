/** Sessions come and go over a browser's stores and leave the bytes they should. `VITE_SESSIONS=1000` makes more of them. */
import { test } from 'vitest';
import { openStore } from '../../src/stores/index.js';
import { comeAndGo, TIGHT_BYTES } from '../support/many-sessions.js';
import { startStoreWorker } from './store-workers.js';

/** Vite passes it on where it finds these very words. */
const SESSIONS = Number(
  (import.meta as ImportMeta & { env: { VITE_SESSIONS?: string } }).env.VITE_SESSIONS ?? 120,
);
const LIMIT_MS = 30 * 60_000;

test.each([
  ['idb', 'without a budget', undefined],
  ['idb', 'within a budget for some of their pages', TIGHT_BYTES],
  ['opfs', 'without a budget', undefined],
  ['opfs', 'within a budget for some of their pages', TIGHT_BYTES],
] as const)(
  'sessions created, grown, cloned and deleted over %s %s',
  async (name, _, diskBytes) => {
    const database = `sessions-${crypto.randomUUID()}`;
    const worker = startStoreWorker();
    const store = name === 'idb' ? await openStore('idb', { database }) : await worker.open(database);
    await comeAndGo(store, SESSIONS, diskBytes);
    await store.close();
    worker.terminate();
  },
  LIMIT_MS,
);
