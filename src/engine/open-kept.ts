import { pageBytes } from '../codecs/page-format.js';
import { LonghandError } from '../errors.js';
import type { Reader } from '../generate/reader.js';
import { type Archive, openArchive } from '../kv/archive.js';
import { readBeside } from '../kv/read-beside.js';
import { fingerprintOf, type Provenance } from '../kv/segments.js';
import { kvShapeOf } from '../model/state.js';
import { createPatience, openPatiently, type Patience } from '../stores/patience.js';
import type { Store } from '../stores/store.js';
import type { checkEngineOptions } from './options.js';
import { pageRooms } from './page-rooms.js';

/** What a model keeps, and where. */
export interface Kept {
  readonly archive: Archive;
  readonly store: Store;
}

/** Half of what this site may use: model files and the page's own data want room too. */
const usualDiskBytes = async ({ name }: Store, { within }: Patience): Promise<number | undefined> => {
  if (name === 'memory' || !globalThis.navigator?.storage?.estimate) return undefined;
  const { quota } = (await within('estimate', navigator.storage.estimate()).catch(() => undefined)) ?? {};
  return quota === undefined ? undefined : Math.floor(quota / 2);
};

/** A store that refuses does not stop the work: it goes on in memory, and the model says so. */
export const openKept = async (
  chosen: ReturnType<typeof checkEngineOptions>,
  reader: Reader,
  provenance: Provenance,
  warnings: string[],
): Promise<Kept | undefined> => {
  const { config, codecs: pageCodecs } = reader;
  let store: Store | undefined;
  const patience = createPatience();
  try {
    const { database, durability, encryption, threadUrl } = chosen;
    const options = { database, durability, ...(encryption && { encryption }) };
    store = await openPatiently(chosen.store === 'none' ? 'memory' : chosen.store, options, patience);
    // Not in Node, whose workers are others; and what is encrypted is read where its key is.
    const { name } = store;
    if (name !== 'memory' && !encryption && typeof Worker === 'function') {
      const url =
        threadUrl === undefined ? undefined : new URL('reads.js', new URL(threadUrl, location.href));
      store = readBeside(store, { store: name, database, url }, patience);
    }
    const archive = await openArchive(store, {
      fingerprint: fingerprintOf(provenance),
      segmentTokens: reader.arena.segmentTokens,
      pageBytes: config.attention.map((_, layer) => pageBytes(kvShapeOf(config, pageCodecs, layer))),
      states: config.attention.map(({ recurs = false }) => recurs),
      // What waits to be written is memory too.
      queueBytes: reader.budget.inFlight,
      diskBytes: chosen.disk ?? (await usualDiskBytes(store, patience)),
      rooms: pageRooms(() => reader.backend),
      made: provenance,
      ...(provenance.reads !== undefined && { answers: provenance.attention }),
    });
    return { archive, store };
  } catch (error) {
    await store?.close();
    if (!(error instanceof LonghandError) || error.code !== 'storage/unavailable') throw error;
    warnings.push(`Nothing that is read will be kept: ${error.message}`);
    return undefined;
  }
};
