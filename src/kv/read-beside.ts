import { createPatience, type Patience } from '../stores/patience.js';
import type { Store } from '../stores/store.js';
import type { Landing, RunStore } from './read-records.js';
import { trustWhole } from './seal.js';
import type { ReadsAnswer, ReadsAsked, ReadsPlace, ReadsStart } from './serve-reads.js';
import { TAILS } from './session-keys.js';
import { HEADS, PAGES } from './stored-run.js';

/** A thread that reads a store. */
interface ReadingThread {
  /** Undefined while it is not there yet, and once it is gone; resolves to that where it could not read. Rejects where it died. */
  read<T extends Landing>(
    keys: readonly string[],
    rooms?: ReadsAsked['rooms'],
  ): Promise<T[] | undefined> | undefined;
  end(): void;
}

const startWorker = (url: URL | string | undefined): Worker =>
  // Bundlers look for exactly this form.
  url === undefined
    ? new Worker(new URL('./reads.js', import.meta.url), { type: 'module' })
    : new Worker(url, { type: 'module' });

const startReading = (
  reads: ReadsPlace,
  url: URL | string | undefined,
  { within }: Patience,
): ReadingThread => {
  const asked = new Map<number, { resolve(values?: Landing[]): void; reject(error: Error): void }>();
  let [serves, count] = [false, 0];
  let worker: Worker | undefined;
  const end = (): void => {
    serves = false;
    worker?.terminate();
    worker = undefined;
    for (const { reject } of asked.values()) reject(new Error('gone'));
    asked.clear();
  };
  const hear = (data: ReadsAnswer): void => {
    if ('refused' in data) {
      end();
      return;
    }
    serves = true;
    if (!('id' in data)) return;
    const waiting = asked.get(data.id);
    asked.delete(data.id);
    if ('failed' in data) {
      waiting?.resolve();
      return;
    }
    for (const [n, isWhole] of data.whole.entries()) if (isWhole) trustWhole(data.values[n] as Uint8Array);
    waiting?.resolve([...data.values]);
  };
  try {
    worker = startWorker(url);
    worker.onmessage = ({ data }: MessageEvent<ReadsAnswer>) => hear(data);
    worker.onerror = worker.onmessageerror = end;
    worker.postMessage({ reads } satisfies ReadsStart);
  } catch {
    end();
  }
  return {
    read<T extends Landing>(keys: readonly string[], rooms?: ReadsAsked['rooms']) {
      if (!serves) return undefined;
      const id = count++;
      const values = new Promise<Landing[] | undefined>((resolve, reject) =>
        asked.set(id, { resolve, reject }),
      );
      worker!.postMessage({ id, keys, rooms } satisfies ReadsAsked);
      return within('read', values as Promise<T[] | undefined>).catch((error) => {
        // One that does not answer may still write where it was told to land: it is no more before that memory is another's.
        end();
        throw error;
      });
    },
    end,
  };
};

const isOfRun = (key: string | undefined): boolean =>
  key !== undefined && [HEADS, PAGES, TAILS].some((prefix) => key.startsWith(prefix));

/**
 * A store whose runs another thread reads and checks, so that neither waits for what the engine computes. It
 * is started when the first run was found, and until it is there, or where it cannot be, the engine's thread reads them.
 */
export const readBeside = (
  store: Store,
  { url, ...reads }: ReadsPlace & { readonly url?: URL | string | undefined },
  patience = createPatience(),
): RunStore => {
  let thread: ReadingThread | undefined;
  let closed = false;
  return {
    ...store,
    async getMany(keys) {
      if (closed || !isOfRun(keys[0])) return store.getMany(keys);
      const beside = await thread?.read<Uint8Array | undefined>(keys)?.catch(() => undefined);
      // What it could not read is asked for again, so that a failure is told by the store itself.
      if (beside) return beside;
      const values = await store.getMany(keys);
      if (!closed && values[0]) thread ??= startReading(reads, url, patience);
      return values;
    },
    land(keys, rooms) {
      const beside = closed ? undefined : thread?.read(keys, rooms);
      return beside?.then((values) => values ?? store.getMany(keys));
    },
    close() {
      closed = true;
      thread?.end();
      return store.close();
    },
  };
};
