import { PAGE } from '../../src/backends/backend.js';
import { type Archive, type ArchiveOptions, openArchive, type Restored } from '../../src/kv/archive.js';
import type { SessionState } from '../../src/kv/manifest.js';
import type { KvRecord } from '../../src/kv/records.js';
import type { Store } from '../../src/stores/store.js';
import { randomRecord, segmentRecords } from './kv-records.js';
import { random } from './random.js';

/** Layers of three kinds of pages, in records small enough to make several groups. */
export const pageBytes = [48, 80, 48, 96, 80, 16];
const recordBytes = 240;
export const segmentTokens = 2 * PAGE;
const made = { model: 'm', tokenizer: 't', codec: 'c', attention: 'a', build: 'b' };

const { below } = random(31);
/** Four whole segments and a tail. */
export const ids = Array.from({ length: 4 * segmentTokens + 70 }, () => below(100_000));

export const open = (store: Store, more: Partial<ArchiveOptions> = {}): Promise<Archive> =>
  openArchive(store, { fingerprint: 'f', segmentTokens, pageBytes, recordBytes, batchBytes: 1, ...more });

export const recordsOf = (archive: Archive, index: number, tokens = ids): KvRecord[] =>
  segmentRecords(tokens, index, segmentTokens, archive.groups, pageBytes);

/** Saves segments [from, to) of `tokens` as a prefill would. */
export const prefill = async (archive: Archive, from: number, to: number, tokens = ids): Promise<void> => {
  for (let index = from; index < to; index++) {
    await archive.save(index, tokens, recordsOf(archive, index, tokens));
  }
  await archive.drained();
};

export interface Found extends Restored {
  readonly records: KvRecord[][];
}

export const restore = async (archive: Archive, tokens = ids, from = 0): Promise<Found> => {
  const records: KvRecord[][] = [];
  const restored = await archive.restore(tokens, {
    from,
    onSegment: (segment) => void records.push([...segment.records]),
  });
  return { ...restored, records };
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
  notes: null,
});

/** The records of a tail: all layers of pages from `firstPage`, in one record for each group. */
export const tailOf = (archive: Archive, firstPage: number, tokens: readonly number[]): KvRecord[] =>
  archive.groups.map((layers, group) =>
    randomRecord(
      {
        layers,
        firstPage,
        pages: Math.ceil(tokens.length / PAGE),
        pageBytes: pageBytes.slice(layers.from, layers.to),
        tokens: layers.from === 0 ? tokens : [],
      },
      tokens.length + group,
    ),
  );
