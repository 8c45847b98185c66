/** Runs in a worker: what the stores of a page take to write and read. */
import { openStore, type StoreName } from '../../src/stores/index.js';

export interface Mark {
  readonly store: StoreName;
  readonly kilobytes: number;
  /** Milliseconds of a commit of 4 MB, the best. */
  readonly commit: number;
  /** Of reads of 8 and of 64 records of a hundred, in any order: the best and the middle one. */
  readonly read8: readonly [number, number];
  readonly read64: readonly [number, number];
}

/** Records to read from, at least: as many as a commit has. */
const RECORDS = 96;
const BATCH = 4 << 20;

const ranked = (times: number[]): [best: number, middle: number] => {
  times.sort((a, b) => a - b);
  return [times[0]!, times[times.length >> 1]!];
};

const measure = async (name: StoreName, kilobytes: number): Promise<Mark> => {
  const database = `bench ${name} ${kilobytes}`;
  const bytes = kilobytes << 10;
  const store = await openStore(name, { database });
  const each = Math.max(1, Math.floor(BATCH / bytes));
  const records = Math.max(RECORDS, each);
  const keys = Array.from({ length: records }, (_, n) => `pages/${n}`);
  const values = keys.map(() => {
    const value = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(value.subarray(at, at + 65536));
    return value;
  });
  const commits: number[] = [];
  for (let at = 0; at < records; at += each) {
    const put = keys.slice(at, at + each).map((key, n) => [key, values[at + n]!] as const);
    const start = performance.now();
    await store.commit({ put, delete: [] });
    if (put.length === each) commits.push(performance.now() - start);
  }
  await store.close();
  const again = await openStore(name, { database });
  const read = async (count: number, samples: number): Promise<[number, number]> => {
    const times: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      const wanted = Array.from({ length: count }, (_, n) => keys[(sample * 29 + n * 37) % records]!);
      const start = performance.now();
      const found = await again.getMany(wanted);
      times.push(performance.now() - start);
      if (found.some((value) => value?.length !== bytes)) throw new Error('A record is not there.');
    }
    return ranked(times);
  };
  const mark = {
    store: name,
    kilobytes,
    commit: ranked(commits)[0],
    read8: await read(8, 21),
    read64: await read(64, 9),
  };
  await again.commit({ put: [], delete: keys });
  await again.close();
  return mark;
};

addEventListener('message', async () => {
  for (const kilobytes of [16, 24, 64, 128, 256]) {
    for (const store of ['idb', 'opfs'] as const) postMessage(await measure(store, kilobytes));
  }
  postMessage('end');
});
