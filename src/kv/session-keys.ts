import { LonghandError } from '../errors.js';

/**
 * Session keys: `session/<id>` for a manifest, `listing/<id>` for what lists show of it, `tail/<run>/…` for private
 * runs, `link/<run>/<id>` for each session that names a run. A run is called `<origin>/<generation>/<number>`, after the
 * session that wrote it; clones name it too, and it may outlive its origin.
 */
export const SESSIONS = 'session/';
export const LISTINGS = 'listing/';
export const TAILS = 'tail/';
export const LINKS = 'link/';

export const sessionKey = (id: string): string => SESSIONS + encodeURIComponent(id);
export const listingKey = (id: string): string => LISTINGS + encodeURIComponent(id);

export const runName = (origin: string, generation: number, number: number): string =>
  `${encodeURIComponent(origin)}/${generation}/${number}`;
/** The head of a run, without a group; else its record of that layer group. */
export const runKey = (run: string, group?: number): string =>
  `${TAILS}${run}/${group === undefined ? 'head' : String(group).padStart(3, '0')}`;

/** Keys of the records of pages of a private run. */
export const runKeys = (name: string, groups: number): string[] =>
  Array.from({ length: groups }, (_, group) => runKey(name, group));
export const linkKey = (run: string, id: string): string => `${LINKS}${run}/${encodeURIComponent(id)}`;

/** All runs that session `origin` wrote, and all links to them. */
export const tailPrefix = (origin: string): string => `${TAILS}${encodeURIComponent(origin)}/`;
export const linkPrefix = (origin: string): string => `${LINKS}${encodeURIComponent(origin)}/`;

/** A key that we did not write may hold anything. */
const decoded = (part = ''): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};
/** The id in a key of a manifest or listing; the origin in one of a run or a link. */
export const sessionOf = (key: string): string => decoded(key.split('/')[1]);
/** The session that a link belongs to. */
export const linkedBy = (key: string): string => decoded(key.split('/')[4]);
/** The name of the run that a key of one, or a link to one, belongs to. */
export const runOf = (key: string): string => key.split('/').slice(1, 4).join('/');
export const originOf = (run: string): string => decoded(run.split('/')[0]);
export const generationOf = (run: string): number => Number(run.split('/')[1]) || 0;

/** Throws `input/option`. Ids become part of keys, and lone surrogates have no UTF-8. */
export const checkSessionId = (id: string): void => {
  if (typeof id === 'string' && id.length > 0 && id.length <= 256 && !/\p{Surrogate}/u.test(id)) return;
  throw new LonghandError(
    'input/option',
    `A session cannot be called ${JSON.stringify(id)?.slice(0, 80)}. Its id must be text of 1 to 256 characters.`,
    { option: 'id' },
  );
};

/** Characters of the longest title. */
export const MOST_TITLE = 1024;

/** Throws `input/option`. */
export const checkSessionTitle = (title: string): void => {
  if (typeof title === 'string' && title.length <= MOST_TITLE) return;
  throw new LonghandError('input/option', `A title must be text of at most ${MOST_TITLE} characters.`, {
    option: 'title',
  });
};
