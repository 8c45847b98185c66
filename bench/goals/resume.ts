/** A text that was read before: how soon a new question is answered, and what keeping it costs. */
import type { KvOptions } from '../../src/engine/kv-options.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { makeModel } from '../make-model.js';
import { median } from '../median.js';
import { type Visited, visitIn } from './again.js';
import { type Goal, least, openResults, type Results, table, times } from './goal.js';
import { openPlace } from './place.js';

const THREADS = 2;
const QUESTION = 'Who came to the door that evening?';
const OTHERS = [
  'What did the letter say?',
  'Where was the lamp left?',
  'How many steps lead up?',
  'Which road did they take?',
  'What was in the box?',
  'Who paid for the carriage?',
  'When did the rain begin?',
  'Why was the window open?',
  'Whose hat was on the table?',
];

type Kept = Pick<Visited, 'reading' | 'first' | 'kept' | 'text' | 'stats'>;

const options = (kv: KvOptions): EngineOptions => ({ threads: THREADS, kv, maxTokens: 20_000 });

/** Where a text is kept. */
const STORES = ['idb', 'opfs'] as const;
type StoreName = (typeof STORES)[number];
type ByStore<T> = Record<StoreName, T>;
const byStore = <T>(make: (store: StoreName) => T): ByStore<T> => ({ idb: make('idb'), opfs: make('opfs') });

interface Alone {
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Reads what a text left in an IndexedDB database, in the requests that cost least, and does nothing with it: no visit can be
 * faster. Uses nothing from outside itself.
 */
const readAlone = async (database: string): Promise<Alone> => {
  const settled = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const db = await settled(indexedDB.open(database));
  const objects = (): IDBObjectStore => db.transaction('records', 'readonly').objectStore('records');
  const ranges: IDBKeyRange[] = [];
  for (const prefix of ['pages/', 'head/']) {
    const keys = await settled(objects().getAllKeys(IDBKeyRange.bound(prefix, `${prefix}\uffff`)));
    const together = prefix === 'pages/' ? 8 : 1;
    for (let n = 0; n < keys.length; n += together)
      ranges.push(IDBKeyRange.bound(keys[n], keys[Math.min(n + together, keys.length) - 1]));
  }
  const started = performance.now();
  let bytes = 0;
  const next = async (): Promise<void> => {
    for (let range = ranges.shift(); range; range = ranges.shift())
      for (const value of await settled(objects().getAll(range))) bytes += (value as Uint8Array).byteLength;
  };
  await Promise.all([next(), next(), next()]);
  const seconds = (performance.now() - started) / 1000;
  db.close();
  return { bytes, seconds };
};

/** Everything is measured in one browser, with a profile on the disk: what is kept outlasts the pages that visit it. */
const readAndAsk = async (path: string, tokens: number, samples: number, answer: number) => {
  const off: Kept[] = [];
  const on = byStore((): Kept[] => []);
  const again = byStore((): Kept[] => []);
  const alone: Alone[] = [];
  const place = await openPlace('Chromium', { keeps: true });
  const visit = (kv: KvOptions, how: { id?: string; tokens?: number; question?: string }) =>
    visitIn(place, path, { options: options(kv), question: QUESTION, answer, ...how });
  try {
    for (let sample = 0; sample < samples; sample++) {
      off.push(await visit({ store: 'none' }, { tokens }));
      // In turn, so that whatever else the machine does meets all of them.
      for (const store of STORES)
        on[store].push(await visit({ store, database: `on-${sample}` }, { id: 'book', tokens }));
    }
    for (const question of OTHERS) {
      for (const store of STORES)
        again[store].push(await visit({ store, database: 'on-0' }, { id: 'book', question }));
      alone.push(await place.call(readAlone, 'on-0'));
    }
  } finally {
    await place.close();
  }
  return { off, on, again, alone };
};

const NAMES: ByStore<string> = { idb: 'IndexedDB', opfs: 'OPFS' };
/** Reading at the rate wllama has at 512 tokens: at 16k it is slower. */
const wllamaReads = (results: Results, tokens: number): number | undefined => {
  const speed = results.get<{ peer: { read: number } }>(`Q8_0, ${THREADS} threads, 512 tokens`)?.peer;
  return speed && tokens / speed.read;
};

export const resume: Goal = {
  name: 'resume',
  about: 'a new question on a text of 16k tokens that was read before; reading with and without keeping',

  async measure(results, effort) {
    const { quick, shape } = effort;
    const tokens = quick ? 1024 : 16_000;
    const path = makeModel(shape, 'Q8_0', { window: 40_000 });
    const { off, on, again, alone } = await results.row(`${tokens} tokens, ${THREADS} threads`, () =>
      readAndAsk(path, tokens, quick ? 1 : 2, quick ? 8 : 64),
    );
    const readOff = least(off.map(({ reading }) => reading));
    const found = STORES.map((store) => {
      const reading = least(on[store].map((visit) => visit.reading));
      const kept = least(on[store].map((visit) => visit.kept));
      return {
        reading,
        kept,
        first: median(again[store].map(({ first }) => first)),
        stats: again[store][0]!.stats,
      };
    });
    const { text } = off[0]!;
    const peer = wllamaReads(openResults('wllama', effort, false), text);
    const seconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} s`;
    return [
      ...table(
        ['a text of a book', ...STORES.map((store) => NAMES[store])],
        [
          ['tokens', text, text],
          ['reading it, kept nowhere', seconds(readOff), seconds(readOff)],
          [
            'reading it, kept on the device',
            ...found.map(({ reading }) => `${seconds(reading)} (${times(reading / readOff)})`),
          ],
          ['until all of it is on the device', ...found.map(({ kept }) => seconds(kept))],
          [
            'from `session()` to the first piece of an answer to a new question, cold',
            ...found.map(({ first }) => seconds(first)),
          ],
          ['of its reading', ...found.map(({ first }) => `1/${(readOff / first).toFixed(0)}`)],
          [
            'reading what it left there, and nothing else',
            `${seconds(median(alone.map((one) => one.seconds)))} (${(alone[0]!.bytes / 1e6).toFixed(0)} MB)`,
            '',
          ],
          [
            'tokens attached, read again',
            ...found.map(({ stats }) => `${stats.reusedTokens}, ${stats.recomputedTokens}`),
          ],
          ...(peer
            ? [
                [
                  'wllama reads it again in at least',
                  ...found.map(({ first }) => `${seconds(peer)} (${(peer / first).toFixed(0)}×)`),
                ],
              ]
            : []),
        ],
      ),
      `Chromium, ${shape} shape, Q8_0, ${THREADS} threads; of several samples the best, of first pieces and of reading alone the median.`,
      '',
    ];
  },
};
