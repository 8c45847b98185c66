import { isCount, isManifestOf, type Manifest, parse } from './manifest.js';
import { magic, seal, unseal } from './seal.js';

/**
 * What lists show of a session: its manifest without what is long. Stored beside it, in the same transaction, so that
 * nobody reads all token lists to show their names.
 */
export interface Listing extends Omit<Manifest, 'tokens' | 'notes'> {
  /** How many. */
  readonly tokens: number;
}

const LISTING_VERSION = 1;
const MAGIC = magic('LHL1');

export const listingOf = ({ tokens, notes: _notes, ...rest }: Manifest): Listing => ({
  ...rest,
  tokens: tokens.length,
});

/** The bytes of a listing: JSON in an envelope, with spaces up to a multiple of 4 bytes. */
export const encodeListing = (listing: Listing): Uint8Array<ArrayBuffer> => {
  const json = new TextEncoder().encode(JSON.stringify(listing));
  return seal(MAGIC, LISTING_VERSION, Math.ceil(json.length / 4) * 4, (body) => {
    body.fill(0x20);
    body.set(json);
  });
};

/** The listing of session `id`; `undefined` where the bytes are none, so that its manifest is to be asked. */
export const decodeListing = (id: string, bytes: Uint8Array): Listing | undefined => {
  const sealed = unseal(MAGIC, bytes);
  if (sealed.fault !== undefined || sealed.version !== LISTING_VERSION) return undefined;
  const json = parse(sealed.body) as Listing | undefined;
  return isCount(json?.tokens) && isManifestOf(json, json.tokens) && json.id === id ? json : undefined;
};
