import { digest, hex } from './digest.js';

/**
 * A run that rests in the store, as its context keeps it in mind: up to a segment of consecutive tokens, from a whole
 * page on. Its head has been read; its pages have not.
 */
export interface StoredRun {
  readonly firstPage: number;
  /** A multiple of PAGE, but for the last run of a context. */
  readonly tokens: number;
  /** Keys of its records of pages, one for each group of layers. */
  readonly keys: readonly string[];
}

/** Keys of version 2: records of pages lie under `pages/<segment>/<group>`, heads under `head/<segment>`. */
export const PAGES = 'pages/';
export const HEADS = 'head/';
/** Where version 1 kept its records. */
export const OLD_SEGMENTS = 'segment/';

export const headKey = (segment: string): string => HEADS + segment;
export const pagesKey = (segment: string, group: number): string =>
  `${PAGES}${segment}/${String(group).padStart(3, '0')}`;

/** What rests beside the records of a segment, and goes with them. */
export const besideKey = (segment: string, name: string): string =>
  `${PAGES}${segment}/${hex(digest(new TextEncoder().encode(name)))}`;

/** The segment that a key of either kind belongs to. */
export const segmentOf = (key: string): string => key.split('/')[1] ?? '';
