/** Runs in a worker: keeping, attaching and fetching runs whose pages are grouped into records of one aim or another. */
import { PAGE } from '../../src/backends/backend.js';
import { pageBytes } from '../../src/codecs/page-format.js';
import { type Archive, openArchive } from '../../src/kv/archive.js';
import type { KvRecord, RunHead } from '../../src/kv/records.js';
import type { StoredRun } from '../../src/kv/stored-run.js';
import { openStore } from '../../src/stores/index.js';

export interface GroupsShape {
  readonly name: string;
  readonly layers: number;
  readonly kvHeads: number;
  readonly dim: number;
}

export interface GroupsTask {
  readonly shapes: readonly GroupsShape[];
  readonly kilobytes: readonly number[];
  /** Whole segments of text. */
  readonly segments: number;
  readonly rounds: number;
}

export interface GroupsMark {
  readonly shape: string;
  readonly store: 'idb' | 'opfs';
  readonly kilobytes: number;
  /** Records of a segment, and bytes of the largest. */
  readonly records: number;
  readonly bytes: number;
  /** Milliseconds per 1,000 tokens to encode and store them; the best of the rounds, as all others. */
  readonly keeping: number;
  readonly attaching: number;
  /** Of a step that misses 2, or 8, scattered pages in every layer: each layer waits for its own. Best and middle. */
  readonly step2: readonly [number, number];
  readonly step8: readonly [number, number];
}

const SEGMENT = 256;
const PAGES = SEGMENT / PAGE;
/** As large as those of a text read with DHSA. */
const CHUNK_BYTES = 90_000;
const STEPS = 9;

const noise = (bytes: number): Uint8Array => {
  const value = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(value.subarray(at, at + 65536));
  return value;
};

const ranked = (times: number[]): [best: number, middle: number] => {
  times.sort((a, b) => a - b);
  return [times[0]!, times[times.length >> 1]!];
};

/** A step asks layer by layer, as an answer does that must know one layer before it knows what the next one reads. */
const steps = async (archive: Archive, runs: readonly StoredRun[], layers: number, missed: number) => {
  const times: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const start = performance.now();
    for (let layer = 0; layer < layers; layer++) {
      const first = (step * 7 + layer * 11) % runs.length;
      const wants = Array.from({ length: missed }, (_, n) => ({
        run: runs[(first + n * 5) % runs.length]!,
        group: archive.groups.findIndex(
          ({ from, to, pages }) => layer >= from && layer < to && (step + n) % PAGES < pages.to,
        ),
      }));
      const found = await archive.fetch(wants);
      if (found.some((record) => !record)) throw new Error('A record is not there.');
    }
    times.push(performance.now() - start);
  }
  return ranked(times);
};

const measure = async (
  { name, layers, kvHeads, dim }: GroupsShape,
  store: GroupsMark['store'],
  kilobytes: number,
  segments: number,
  round: number,
): Promise<GroupsMark> => {
  const database = `groups ${name} ${store} ${kilobytes} ${round}`;
  const bytes = pageBytes({ kvHeads, keyDim: dim, valueDim: dim, keys: 'q8', values: 'q8' });
  const options = {
    fingerprint: name,
    segmentTokens: SEGMENT,
    pageBytes: Array<number>(layers).fill(bytes),
    recordBytes: kilobytes << 10,
  };
  const ids = Array.from({ length: segments * SEGMENT }, (_, n) => (n * 7919) % 30_000);
  const content = Array.from({ length: 64 }, () => noise(bytes));
  const chunks = noise(CHUNK_BYTES);
  const opened = await openStore(store, { database });
  const archive = await openArchive(opened, options);
  const chain = archive.chain();
  const start = performance.now();
  for (let index = 0; index < segments; index++) {
    const firstPage = index * PAGES;
    const head: RunHead = {
      firstPage,
      tokens: Uint32Array.from(ids.slice(index * SEGMENT, (index + 1) * SEGMENT)),
      chunks,
    };
    const records = archive.groups.map(
      ({ from, to, pages }): KvRecord => ({
        layers: { from, to },
        firstPage: firstPage + pages.from,
        pages: Array.from({ length: to - from }, (_, n) =>
          Array.from(
            { length: pages.to - pages.from },
            (_, page) => content[(index + from + n + page) % content.length]!,
          ),
        ),
      }),
    );
    await chain.save(index, ids, head, records);
  }
  await archive.drained();
  const keeping = ((performance.now() - start) / (segments * SEGMENT)) * 1000;
  chain.close();
  await archive.close();

  const again = await openArchive(opened, options);
  const runs: StoredRun[] = [];
  const reading = again.chain();
  const before = performance.now();
  const attached = await reading.attach(ids, { onRun: (run) => void runs.push(run) });
  const attaching = performance.now() - before;
  if (attached.segments !== segments)
    throw new Error(`Only ${attached.segments} segments: ${attached.reason}.`);
  const step2 = await steps(again, runs, layers, 2);
  const step8 = await steps(again, runs, layers, 8);
  reading.close();
  await again.close();
  await opened.commit({ put: [], delete: await opened.list('') });
  await opened.close();
  const size =
    bytes * Math.max(...again.groups.map(({ from, to, pages }) => (to - from) * (pages.to - pages.from)));
  return {
    ...{ shape: name, store, kilobytes, records: again.groups.length, bytes: size },
    ...{ keeping, attaching, step2, step8 },
  };
};

const least = (marks: readonly GroupsMark[]): GroupsMark => {
  const of = (pick: (mark: GroupsMark) => number): number => Math.min(...marks.map(pick));
  const pair = (pick: (mark: GroupsMark) => readonly [number, number]): [number, number] => [
    of((mark) => pick(mark)[0]),
    of((mark) => pick(mark)[1]),
  ];
  return {
    ...marks[0]!,
    keeping: of(({ keeping }) => keeping),
    attaching: of(({ attaching }) => attaching),
    step2: pair(({ step2 }) => step2),
    step8: pair(({ step8 }) => step8),
  };
};

addEventListener('message', async ({ data }: MessageEvent<GroupsTask>) => {
  const { shapes, kilobytes, segments, rounds } = data;
  for (const shape of shapes) {
    for (const store of ['idb', 'opfs'] as const) {
      const found = new Map<number, GroupsMark[]>();
      // In turns, so that whatever else the machine does meets all of them.
      for (let round = 0; round < rounds; round++) {
        for (const aim of kilobytes) {
          const mark = await measure(shape, store, aim, segments, round);
          found.set(aim, [...(found.get(aim) ?? []), mark]);
        }
      }
      for (const marks of found.values()) postMessage(least(marks));
    }
  }
  postMessage('end');
});
