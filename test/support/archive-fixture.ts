import { PAGE } from '../../src/backends/backend.js';
import { type Archive, type ArchiveOptions, openArchive } from '../../src/kv/archive.js';
import type { Attached } from '../../src/kv/chain.js';
import type { Manifest, SessionState } from '../../src/kv/manifest.js';
import type { KvRecord, NewRun } from '../../src/kv/records.js';
import type { StoredRun } from '../../src/kv/stored-run.js';
import type { Store } from '../../src/stores/store.js';
import { randomRun, segmentRun } from './kv-records.js';
import { random } from './random.js';

/** Layers of three kinds of pages, in records small enough to make several groups. */
export const pageBytes = [48, 80, 48, 96, 80, 16];
const recordBytes = 240;
export const segmentTokens = 2 * PAGE;
const made = { model: 'm', tokenizer: 't', codec: 'c', attention: 'a', build: 'b' };

const { below } = random(31);
/** All records of a run, where all are as they should be. */
const fetchRun = async (archive: Archive, run: StoredRun): Promise<KvRecord[] | undefined> => {
  const records = await archive.fetch(archive.groups.map((_, group) => ({ run, group })));
  return records.every((record) => record !== undefined) ? records : undefined;
};

/** Four whole segments and a tail. */
export const ids = Array.from({ length: 4 * segmentTokens + 70 }, () => below(100_000));

export const open = (store: Store, more: Partial<ArchiveOptions> = {}): Promise<Archive> =>
  openArchive(store, { fingerprint: 'f', segmentTokens, pageBytes, recordBytes, batchBytes: 1, ...more });

/** Keys of everything but the books of who used what. */
export const cached = async (store: Store): Promise<string[]> =>
  (await store.list('')).filter((key) => !/^(use|lease)\//.test(key));

export const runOf = (archive: Archive, index: number, tokens = ids): NewRun =>
  segmentRun(tokens, index, segmentTokens, archive.groups, pageBytes);

/** Saves segments [from, to) of `tokens` as a prefill would. */
export const prefill = async (archive: Archive, from: number, to: number, tokens = ids): Promise<void> => {
  const chain = archive.chain();
  for (let index = from; index < to; index++) {
    const { head, records } = runOf(archive, index, tokens);
    await chain.save(index, tokens, head, records);
  }
  chain.close();
  await archive.drained();
};

export interface Found extends Attached {
  readonly runs: NewRun[];
}

/** Attaches what is stored and fetches all of it; a run whose records are not all there is refused. */
export const restore = async (archive: Archive, tokens = ids, from = 0): Promise<Found> => {
  const runs: NewRun[] = [];
  const chain = archive.chain();
  const attached = await chain.attach(tokens, {
    from,
    onRun: async (run, head) => {
      const records = await fetchRun(archive, run);
      if (!records) return false;
      runs.push({ head, records });
    },
  });
  chain.close();
  return { ...attached, runs };
};

export const tailRuns = async (archive: Archive, manifest: Manifest): Promise<NewRun[]> => {
  const { runs } = await archive.sessions.tail(manifest);
  return Promise.all(runs.map(async ({ run, head }) => ({ head, records: (await fetchRun(archive, run))! })));
};

export const stateOf = (id: string, tokens: ArrayLike<number>, canonical: number): SessionState => ({
  id,
  title: id,
  created: 1,
  used: 2,
  made,
  tokens: Uint32Array.from(tokens),
  canonical,
  bytes: 3,
  sharing: true,
  notes: null,
});

/** Tokens of a tail from `firstPage` on, as one run. */
export const tailOf = (archive: Archive, firstPage: number, tokens: readonly number[]): NewRun =>
  randomRun(tokens, firstPage, archive.groups, pageBytes, tokens.length);
