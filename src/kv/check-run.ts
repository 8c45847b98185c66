import { PAGE } from '../backends/backend.js';
import {
  decodeHead,
  decodeRecord,
  isHeadOf,
  type KvRecord,
  type NewRun,
  pagesOf,
  type RecordGroup,
} from './records.js';

/** How runs are laid out here. */
export interface RunLayout {
  readonly groups: readonly RecordGroup[];
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

/** Pages of a record of a run, which may be shorter than a segment. */
export const pagesIn = (group: RecordGroup, { tokens }: { readonly tokens: number }): number => {
  const { from, to } = pagesOf(group, Math.ceil(tokens / PAGE));
  return to - from;
};

/** Whether a record holds group `group` of a run of `tokens` tokens from a page on, as runs are laid out here. */
export const isLaidOut = (
  { layers, firstPage, pages }: KvRecord,
  run: { readonly firstPage: number; readonly tokens: number },
  group: number,
  { groups, pageBytes }: RunLayout,
): boolean => {
  const { from, to } = groups[group]!;
  const own = pagesOf(groups[group]!, Math.ceil(run.tokens / PAGE));
  const count = own.to - own.from;
  return (
    layers.from === from &&
    layers.to === to &&
    firstPage === run.firstPage + own.from &&
    pages.every(
      (layer, n) => layer.length === count && (count === 0 || layer[0]!.length === pageBytes[from + n]),
    )
  );
};

/** Checks all bytes of a run, head first, against the tokens at its place and the layout of the model. */
export const checkRun = (
  [headBytes, ...recordBytes]: readonly (Uint8Array | undefined)[],
  { firstPage, tokens }: RunPlace,
  layout: RunLayout,
): CheckedRun => {
  if (!headBytes || recordBytes.length !== layout.groups.length) return { fault: 'a part of it is missing' };
  const { found: head, fault } = decodeHead(headBytes);
  if (!head) return { fault };
  const isHere = head.firstPage === firstPage && head.tokens.length === tokens.length;
  if (!isHere || !isHeadOf({ ...head, firstPage: 0 }, tokens)) return { fault: 'it holds other tokens' };
  const records = [];
  for (const [group, bytes] of recordBytes.entries()) {
    if (!bytes) return { fault: 'a part of it is missing' };
    const { found: record, fault: wrong } = decodeRecord(bytes);
    if (!record) return { fault: wrong };
    if (!isLaidOut(record, { firstPage, tokens: tokens.length }, group, layout)) {
      return { fault: 'a part of it is something else' };
    }
    records.push(record);
  }
  return { run: { head, records } };
};
