/** A text that was read before: how soon a new question is answered, and what keeping it costs. */
import type { KvOptions } from '../../src/engine/kv-options.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { makeModel } from '../make-model.js';
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

/** Everything is measured in one browser, with a profile on the disk: what is kept outlasts the pages that visit it. */
const readAndAsk = async (path: string, tokens: number, samples: number, answer: number) => {
  const off: Kept[] = [];
  const on = byStore((): Kept[] => []);
  const again = byStore((): Kept[] => []);
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
    for (const question of OTHERS)
      for (const store of STORES)
        again[store].push(await visit({ store, database: 'on-0' }, { id: 'book', question }));
  } finally {
    await place.close();
  }
  return { off, on, again };
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
    const { off, on, again } = await results.row(`${tokens} tokens, ${THREADS} threads`, () =>
      readAndAsk(path, tokens, quick ? 1 : 2, quick ? 8 : 64),
    );
    const readOff = least(off.map(({ reading }) => reading));
    const firstOf = (visits: readonly Kept[]): number => {
      const firsts = visits.map(({ first }) => first).sort((a, b) => a - b);
      return firsts[Math.floor(firsts.length / 2)]!;
    };
    const found = STORES.map((store) => {
      const reading = least(on[store].map((visit) => visit.reading));
      const kept = least(on[store].map((visit) => visit.kept));
      return { reading, kept, first: firstOf(again[store]), stats: again[store][0]!.stats };
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
      `Chromium, ${shape} shape, Q8_0, ${THREADS} threads; of several samples the best, of first pieces the median.`,
      '',
    ];
  },
};
