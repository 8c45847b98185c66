import { openIdb } from '../stores/idb.js';
import type { Store } from '../stores/store.js';
import { isWhole } from './seal.js';

/** What a thread that reads is started with, and then asked. */
export type ReadsStart = { readonly reads: { readonly database: string } };
export type ReadsAsked = { readonly id: number; readonly keys: readonly string[] };

/** What it says: that it is there or why it is not, then an answer to every question. */
export type ReadsAnswer =
  | { readonly ready: true }
  | { readonly refused: string }
  | {
      readonly id: number;
      readonly values: readonly (Uint8Array<ArrayBuffer> | undefined)[];
      /** Which of them are envelopes whose digest was found right. */
      readonly whole: readonly boolean[];
    }
  | { readonly id: number; readonly failed: string };

const answer = (message: ReadsAnswer, transfer: Transferable[] = []): void =>
  (postMessage as (message: unknown, transfer: Transferable[]) => void)(message, transfer);

const read = async (store: Store, { id, keys }: ReadsAsked): Promise<void> => {
  try {
    const values = (await store.getMany(keys)) as (Uint8Array<ArrayBuffer> | undefined)[];
    const whole = values.map((value) => value !== undefined && isWhole(value));
    // Handed over, not copied.
    const buffers = values.flatMap((value) => (value ? [value.buffer] : []));
    answer({ id, values, whole }, [...new Set(buffers)]);
  } catch (error) {
    answer({ id, failed: String(error) });
  }
};

const begin = async ({ reads: { database } }: ReadsStart): Promise<void> => {
  try {
    const store = await openIdb({ database });
    addEventListener('message', ({ data }: MessageEvent<ReadsAsked>) => void read(store, data));
    answer({ ready: true });
  } catch (error) {
    answer({ refused: String(error) });
  }
};

/** Read an IndexedDB database for the engine that started this worker, and check the digests of what is read. */
export const serveReads = (): void => {
  addEventListener('message', ({ data }: MessageEvent<ReadsStart>) => void begin(data), { once: true });
};
