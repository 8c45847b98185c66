import type { Builder } from './builder.js';
import type { Json } from './json.js';
import type { Fragment } from './network.js';

/** A JSON Schema with keywords. */
export type Keywords = Readonly<Record<string, unknown>>;

/** What the compiler of one type knows of the whole. */
export interface SchemaContext {
  readonly builder: Builder;
  readonly json: Json;
  /** The schema at a place below this one. */
  sub(schema: unknown, at: string): Fragment;
  refuse(keyword: string, why: string, at: string): Error;
}

/** The place of a member, as a JSON pointer. */
export const place = (at: string, ...steps: readonly (string | number)[]): string =>
  [at, ...steps.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))].join('/');

/** A whole number that a keyword gives, or `fallback` where it is absent. */
export const countOf = (
  { refuse }: SchemaContext,
  schema: Keywords,
  keyword: string,
  fallback: number,
  at: string,
): number => {
  const found = schema[keyword];
  if (found === undefined) return fallback;
  if (typeof found !== 'number' || !Number.isInteger(found) || found < 0)
    throw refuse(keyword, `${keyword} must be a whole number from 0`, at);
  return found;
};
