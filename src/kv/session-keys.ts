import { LonghandError } from '../errors.js';

/** Session keys: `session/<id>` for a manifest, `tail/<id>/<generation>/<number>` for records of its own. */
export const SESSIONS = 'session/';
export const TAILS = 'tail/';

export const sessionKey = (id: string): string => SESSIONS + encodeURIComponent(id);
export const tailPrefix = (id: string): string => `${TAILS}${encodeURIComponent(id)}/`;
export const tailKey = (id: string, generation: number, number: number): string =>
  `${tailPrefix(id)}${generation}/${number}`;

/** The id in any of these keys; a key that we did not write may hold anything. */
export const sessionOf = (key: string): string => {
  const name = key.split('/')[1] ?? '';
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
};
export const generationOf = (key: string): number => Number(key.split('/')[2]) || 0;

/** Throws `input/option`. Ids become part of keys, and lone surrogates have no UTF-8. */
export const checkSessionId = (id: string): void => {
  if (typeof id === 'string' && id.length > 0 && id.length <= 256 && !/\p{Surrogate}/u.test(id)) return;
  throw new LonghandError(
    'input/option',
    `A session cannot be called ${JSON.stringify(id)?.slice(0, 80)}. Its id must be text of 1 to 256 characters.`,
    { option: 'id' },
  );
};
