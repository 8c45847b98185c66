import { promisifyRequest } from 'idb-keyval';
import { isLostConnection } from './database.js';

/** Newer platforms read a range of values with their keys in one request (Indexed Database API 3.0). */
interface Ranged {
  getAllRecords?(options: {
    readonly query: IDBKeyRange;
  }): IDBRequest<readonly { readonly primaryKey: IDBValidKey; readonly value: unknown }[]>;
}

/** The number that keys of records end with. As long for all, so that they are in its order. */
const NUMBER = /\d{3}$/;

const follows = (key: string, before: string): boolean => {
  const [next] = NUMBER.exec(key) ?? [];
  const [last] = NUMBER.exec(before) ?? [];
  return (
    next !== undefined &&
    last !== undefined &&
    Number(next) === Number(last) + 1 &&
    key.slice(0, -next.length) === before.slice(0, -last.length)
  );
};

/** Keys in order, cut where one is not numbered as the next after the one before it, and after `most`. */
const neighbours = (keys: readonly string[], most: number): string[][] => {
  const runs: string[][] = [];
  for (const key of keys) {
    const run = runs.at(-1);
    if (run && run.length < most && follows(key, run.at(-1)!)) run.push(key);
    else runs.push([key]);
  }
  return runs;
};

const settled = async <T>(request: IDBRequest<T>): Promise<T | undefined> => {
  request.addEventListener('error', (event) => event.preventDefault());
  return promisifyRequest(request).catch((error) => {
    if (isLostConnection(error)) throw error;
    return undefined;
  });
};

const readRun = async (objects: IDBObjectStore & Ranged, run: readonly string[]): Promise<unknown[]> => {
  if (run.length > 1 && objects.getAllRecords) {
    const found = await settled(objects.getAllRecords({ query: IDBKeyRange.bound(run[0], run.at(-1)) }));
    // What else lies between them is nobody's here.
    const values = found && new Map(found.map(({ primaryKey, value }) => [primaryKey, value]));
    if (values) return run.map((key) => values.get(key));
  }
  // One unreadable value must not take its neighbours with it: it counts as not stored, and is recomputed.
  return Promise.all(run.map((key) => settled(objects.get(key))));
};

/**
 * Hands over the values of keys as they come, `undefined` where there is none that can be read. Those whose keys are numbered
 * one after another are read in one request where the platform can, up to `most`, in about two thirds of the time.
 */
export const readEach = async (
  objects: IDBObjectStore,
  keys: readonly string[],
  use: (value: unknown, n: number) => void,
  most = Number.POSITIVE_INFINITY,
): Promise<void> => {
  let from = 0;
  const runs = neighbours(keys, most).map(async (run) => {
    const first = from;
    from += run.length;
    for (const [i, value] of (await readRun(objects, run)).entries()) use(value, first + i);
  });
  // Whoever is told that it failed is handed nothing afterwards.
  const failed = (await Promise.allSettled(runs)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
};

/** All of them, in order. */
export const readMany = async (objects: IDBObjectStore, keys: readonly string[]): Promise<unknown[]> => {
  const values: unknown[] = [];
  await readEach(objects, keys, (value, n) => {
    values[n] = value;
  });
  return values;
};

/** The bytes that a value is; `undefined` for whatever else lies there. */
export const bytesOf = (value: unknown): Uint8Array | undefined =>
  ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
    : undefined;
