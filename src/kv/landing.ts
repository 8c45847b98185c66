import { decodeRecord, type KvRecord, type LayerGroup } from './records.js';
import { sealOf } from './seal.js';

/** Memory of the device for pages that are on their way: pages that lie there are not copied again. */
export interface Rooms {
  /** `undefined` where there is none. */
  take(bytes: number): Uint8Array | undefined;
  /** Nobody may write it any more. What has become a page stays one. */
  free(room: Uint8Array): void;
}

/** A record that was found whole, and whose pages were copied to rooms, layer by layer. */
export interface Landed {
  readonly layers: LayerGroup;
  readonly firstPage: number;
  /** The digest that it ends with. */
  readonly seal: Uint8Array;
}

/**
 * Copies the pages of a stored record to rooms, if it is whole and they are as many and as long. `known`: see `unseal`. Looks
 * before it copies: what is damaged gets nowhere.
 */
export const land = (
  bytes: Uint8Array,
  rooms: readonly Uint8Array[],
  known?: Uint8Array,
): Landed | undefined => {
  const { found } = decodeRecord(bytes, known);
  const pages = found?.pages.flat();
  if (pages?.length !== rooms.length || pages.some(({ length }, n) => length !== rooms[n]!.length)) return;
  for (const [n, page] of pages.entries()) rooms[n]!.set(page);
  return { layers: found!.layers, firstPage: found!.firstPage, seal: sealOf(bytes).slice() };
};

/** The record whose pages stand in rooms. */
export const landedIn = ({ layers, firstPage }: Landed, rooms: readonly Uint8Array[]): KvRecord => {
  const count = rooms.length / (layers.to - layers.from);
  const pages = Array.from({ length: layers.to - layers.from }, (_, n) =>
    rooms.slice(n * count, (n + 1) * count),
  );
  return { layers, firstPage, pages };
};
