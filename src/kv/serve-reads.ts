import { openIdb } from '../stores/idb.js';
import { loadOpfs } from '../stores/load-rarer.js';
import type { Store } from '../stores/store.js';
import { land } from './landing.js';
import type { Landing } from './read-records.js';
import { isWhole } from './seal.js';

/** What a thread that reads is started with, and then asked. */
export type ReadsStart = { readonly reads: ReadsPlace };
export interface ReadsPlace {
  readonly store: 'idb' | 'opfs';
  readonly database: string;
}
export type ReadsAsked = {
  readonly id: number;
  readonly keys: readonly string[];
  /** Shared memory for the pages of each record, layer by layer: they are copied there, and nothing else is handed over. */
  readonly rooms?: readonly (readonly Uint8Array[])[] | undefined;
};

/** What it says: that it is there or why it is not, then an answer to every question. */
export type ReadsAnswer =
  | { readonly ready: true }
  | { readonly refused: string }
  | {
      readonly id: number;
      readonly values: readonly Landing[];
      /** Which of them are envelopes whose digest was found right, if they are bytes. */
      readonly whole: readonly boolean[];
    }
  | { readonly id: number; readonly failed: string };

type Rooms = NonNullable<ReadsAsked['rooms']>;

const answer = (message: ReadsAnswer, transfer: Transferable[] = []): void =>
  (postMessage as (message: unknown, transfer: Transferable[]) => void)(message, transfer);

type Values = Pick<Store, 'getMany' | 'lend'>;

const landAll = async (store: Values, { id, keys }: ReadsAsked, rooms: Rooms): Promise<void> => {
  const values: Landing[] = [];
  await store.lend!(keys, (bytes, n) => {
    // Who asked says what is wrong with the others.
    values[n] = land(bytes, rooms[n]!) ?? bytes.slice();
  });
  answer({ id, values, whole: [] });
};

const read = async (store: Values, asked: ReadsAsked): Promise<void> => {
  const { id, keys, rooms } = asked;
  try {
    if (rooms) return await landAll(store, asked, rooms);
    const values = (await store.getMany(keys)) as (Uint8Array<ArrayBuffer> | undefined)[];
    const whole = values.map((value) => value !== undefined && isWhole(value));
    // Handed over, not copied.
    const buffers = values.flatMap((value) => (value ? [value.buffer] : []));
    answer({ id, values, whole }, [...new Set(buffers)]);
  } catch (error) {
    answer({ id, failed: String(error) });
  }
};

const begin = async ({ reads: { store: name, database } }: ReadsStart): Promise<void> => {
  try {
    const store: Values =
      name === 'opfs' ? await (await loadOpfs()).readOpfs({ database }) : await openIdb({ database });
    addEventListener('message', ({ data }: MessageEvent<ReadsAsked>) => void read(store, data));
    answer({ ready: true });
  } catch (error) {
    answer({ refused: String(error) });
  }
};

/** Read a store for the engine that started this worker, and check the digests of what is read. */
export const serveReads = (): void => {
  addEventListener('message', ({ data }: MessageEvent<ReadsStart>) => void begin(data), { once: true });
};
