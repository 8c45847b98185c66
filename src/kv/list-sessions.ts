import type { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import type { Links } from './links.js';
import { decodeListing, type Listing, listingOf } from './listing.js';
import { decodeManifest } from './manifest.js';
import { listingKey, SESSIONS, sessionOf } from './session-keys.js';

/** A session as a list shows it. */
export type ListedSession =
  | {
      readonly id: string;
      readonly listing: Listing;
      /** Bytes of private runs that no other session names. */
      readonly ownBytes: number;
      readonly problem?: undefined;
    }
  | { readonly id: string; readonly listing?: undefined; readonly problem: LonghandError };

/** All sessions, by their listings; token lists are read only where there is none, or none that is whole. */
export const listSessions = async (store: Store, links: Links): Promise<ListedSession[]> => {
  const keys = await store.list(SESSIONS);
  const counts = await links.count();
  const stored = await store.getMany(keys.map((key) => listingKey(sessionOf(key))));
  const listed: ListedSession[] = [];
  for (const [n, key] of keys.entries()) {
    const id = sessionOf(key);
    const bytes = stored[n];
    try {
      let listing = bytes && decodeListing(id, bytes);
      if (!listing) {
        const manifest = await store.get(key);
        if (!manifest) continue;
        listing = listingOf(decodeManifest(id, manifest));
      }
      const own = listing.tail.filter(({ name }) => counts.get(name) === 1);
      listed.push({ id, listing, ownBytes: own.reduce((sum, run) => sum + run.bytes, 0) });
    } catch (error) {
      const code = (error as Partial<LonghandError>).code;
      if (code !== 'storage/corrupt' && code !== 'storage/version') throw error;
      listed.push({ id, problem: error as LonghandError });
    }
  }
  return listed;
};
