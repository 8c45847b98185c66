import { LonghandError } from './errors.js';

const refuse = (name: string, found: unknown, wanted: string): never => {
  const shown = typeof found === 'string' ? `'${found}'` : String(found);
  throw new LonghandError('input/option', `The option ${name} cannot be ${shown}. Use ${wanted}.`, {
    option: name,
  });
};

/** A whole number in [least, most], or `fallback` where the option was left out. */
export const wholeNumber = (
  name: string,
  found: unknown,
  fallback: number,
  least: number,
  most = 2 ** 31,
): number => {
  if (found === undefined) return fallback;
  if (typeof found !== 'number' || !Number.isInteger(found) || found < least || found > most) {
    return refuse(name, found, `a whole number from ${least} to ${most}`);
  }
  return found;
};

/** A number in [least, most], or `fallback` where the option was left out. */
export const numberBetween = (
  name: string,
  found: unknown,
  fallback: number,
  least: number,
  most: number,
): number => {
  if (found === undefined) return fallback;
  if (typeof found !== 'number' || !(found >= least && found <= most)) {
    return refuse(name, found, `a number from ${least} to ${most}`);
  }
  return found;
};

/** One of the words or numbers of a table, or `fallback` where the option was left out. */
export const oneOf = <T extends string | number>(
  name: string,
  found: unknown,
  fallback: T,
  words: readonly T[],
): T => {
  if (found === undefined) return fallback;
  if (!words.includes(found as T))
    return refuse(
      name,
      found,
      `one of ${words.map((word) => (typeof word === 'string' ? `'${word}'` : word)).join(', ')}`,
    );
  return found as T;
};

/** Refuses options that do not exist: a misspelt one would otherwise be ignored in silence. */
export const onlyKnown = (name: string, found: object, known: readonly string[]): void => {
  for (const key of Object.keys(found)) {
    if (!known.includes(key))
      refuse(`${name}.${key}`, (found as Record<string, unknown>)[key], `only ${known.join(', ')}`);
  }
};

/** True or false, or `undefined` where the option was left out. */
export const flag = (name: string, found: unknown): boolean | undefined => {
  if (found === undefined || typeof found === 'boolean') return found;
  return refuse(name, found, 'true or false');
};

/** Strings that are not empty, or none where the option was left out. */
export const texts = (name: string, found: unknown): readonly string[] => {
  if (found === undefined) return [];
  if (Array.isArray(found) && found.every((one) => typeof one === 'string' && one !== '')) return found;
  return refuse(name, found, 'a list of strings that are not empty');
};

/** A string, or `undefined` where the option was left out. */
export const text = (name: string, found: unknown): string | undefined => {
  if (found === undefined || typeof found === 'string') return found;
  return refuse(name, found, 'a string');
};

/** Numbers by token id, −∞ allowed; refuses ids that a vocabulary of `vocab` has not. */
export const biases = (name: string, found: unknown, vocab: number): void => {
  if (found === undefined) return;
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    refuse(name, found, 'an object of numbers by token id');
  for (const [key, bias] of Object.entries(found as object)) {
    const isId = /^\d+$/.test(key) && Number(key) < vocab;
    if (!isId) refuse(`${name}.${key}`, bias, `ids of this model, 0 to ${vocab - 1}`);
    if (typeof bias !== 'number' || !(bias < Number.POSITIVE_INFINITY))
      refuse(`${name}.${key}`, bias, 'a number, or −Infinity to ban the token');
  }
};

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Bytes: a number, or text such as '256MB' (10⁶) or '256MiB' (2²⁰); `undefined` where the option was left out. */
export const byteCount = (name: string, found: unknown, least = 0): number | undefined => {
  if (found === undefined) return undefined;
  const [, digits = '', unit = ''] =
    (typeof found === 'string' && /^(\d+(?:\.\d+)?)\s*([kmgt]i?b)?$/i.exec(found.trim())) || [];
  const bytes =
    typeof found === 'number'
      ? found
      : digits === ''
        ? Number.NaN
        : Number(digits) * UNITS[unit.toUpperCase()]!;
  if (bytes >= least && bytes <= Number.MAX_SAFE_INTEGER) return Math.floor(bytes);
  return refuse(name, found, `bytes, as a number from ${least} on or as text such as '512MB'`);
};
