import { PAGE } from '../backends/backend.js';
import { decodeHead, decodeRecord, isHeadOf, type LayerGroup, type NewRun } from './records.js';

/** How runs are laid out here. */
export interface RunLayout {
  readonly groups: readonly LayerGroup[];
  /** Bytes of a page, for every layer. */
  readonly pageBytes: readonly number[];
}

/** The place that a run claims: tokens from a page on. */
export interface RunPlace {
  readonly firstPage: number;
  readonly tokens: Uint32Array;
}

/** A run whose bytes are what they should be, or in words why they are not. */
export type CheckedRun =
  | { readonly run: NewRun; readonly fault?: undefined }
  | { readonly run?: undefined; readonly fault: string };

/** Checks all bytes of a run, head first, against the tokens at its place and the layout of the model. */
export const checkRun = (
  [headBytes, ...recordBytes]: readonly (Uint8Array | undefined)[],
  { firstPage, tokens }: RunPlace,
  { groups, pageBytes }: RunLayout,
): CheckedRun => {
  if (!headBytes || recordBytes.length !== groups.length) return { fault: 'a part of it is missing' };
  const { found: head, fault } = decodeHead(headBytes);
  if (!head) return { fault };
  const isHere = head.firstPage === firstPage && head.tokens.length === tokens.length;
  if (!isHere || !isHeadOf({ ...head, firstPage: 0 }, tokens)) return { fault: 'it holds other tokens' };
  const records = [];
  for (const [group, bytes] of recordBytes.entries()) {
    if (!bytes) return { fault: 'a part of it is missing' };
    const { found: record, fault: wrong } = decodeRecord(bytes);
    if (!record) return { fault: wrong };
    const { from, to } = groups[group]!;
    const pages = Math.ceil(tokens.length / PAGE);
    const fits =
      record.layers.from === from &&
      record.layers.to === to &&
      record.firstPage === firstPage &&
      record.pages.every((layer, n) => layer.length === pages && layer[0]!.length === pageBytes[from + n]);
    if (!fits) return { fault: 'a part of it is something else' };
    records.push(record);
  }
  return { run: { head, records } };
};
