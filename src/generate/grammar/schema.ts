import type { Builder } from './builder.js';
import { createJson } from './json.js';
import type { Fragment } from './network.js';
import { unsupportedGrammar } from './refusal.js';
import { areApart } from './schema-apart.js';
import { arrayOf } from './schema-array.js';
import { type Keywords, place, type SchemaContext } from './schema-context.js';
import { integerOf, numberOf } from './schema-number.js';
import { objectOf } from './schema-object.js';
import { stringOf } from './schema-string.js';

type OfType = (context: SchemaContext, schema: Keywords, at: string) => Fragment;

const TYPES: Readonly<Record<string, OfType>> = {
  object: objectOf,
  array: arrayOf,
  string: stringOf,
  number: numberOf,
  integer: integerOf,
  boolean: ({ builder: { text, choice } }) => choice(text('true'), text('false')),
  null: ({ builder }) => builder.text('null'),
};
const EVERY_TYPE = ['object', 'array', 'string', 'number', 'boolean', 'null'];

/** They say nothing of which values there may be. */
const ANNOTATIONS = new Set(
  '$schema $id $comment $defs definitions title description default examples deprecated readOnly writeOnly'.split(
    ' ',
  ),
);
/** They choose the values by themselves: beside them only annotations are understood. */
const ALONE = ['$ref', 'anyOf', 'oneOf', 'allOf', 'enum', 'const'];
const OF_TYPES = new Set(
  (
    'properties required additionalProperties items prefixItems minItems maxItems minLength maxLength pattern format ' +
    'minimum maximum exclusiveMinimum exclusiveMaximum'
  ).split(' '),
);
const DEEPEST = 64;

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
const isOfType = (value: unknown, type: unknown): boolean =>
  typeOf(value) === type || (type === 'integer' && Number.isInteger(value));

/**
 * JSON that a schema allows (draft 2020-12, the subset in docs/STRUCTURED.md). Whatever may be written satisfies the
 * schema; not everything that satisfies it may be written: properties stand in the order of the schema, and others than
 * the named ones only where `additionalProperties` says so.
 * Errors: `unsupported/constraint` with the `keyword` that cannot be honoured, and where it stands.
 */
export const compileSchema = (builder: Builder, given: unknown): Fragment => {
  const json = createJson(builder);
  const refuse = (keyword: string, why: string, at: string) => unsupportedGrammar('schema', keyword, why, at);
  const root = asJson(given, refuse);

  const follow = (ref: unknown, at: string): readonly [unknown, string] => {
    if (typeof ref !== 'string' || !/^#(\/|$)/.test(ref))
      throw refuse('$ref', `"${String(ref)}" does not point into the schema itself`, at);
    let found = root;
    for (const step of decodeURIComponent(ref.slice(1)).split('/').slice(1)) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
      const isThere = typeof found === 'object' && found !== null && Object.hasOwn(found, key);
      if (!isThere) throw refuse('$ref', `there is nothing at "${ref}"`, at);
      found = (found as Keywords)[key];
    }
    return [found, ref];
  };

  const withKeywords = (schema: Keywords, at: string): Fragment => {
    const keys = Object.keys(schema).filter((key) => !ANNOTATIONS.has(key) && schema[key] !== undefined);
    const unknown = keys.find((key) => key !== 'type' && !ALONE.includes(key) && !OF_TYPES.has(key));
    if (unknown !== undefined) throw refuse(unknown, `the keyword ${unknown} is not known here`, at);
    const alone = ALONE.find((key) => keys.includes(key));
    const isListed = alone === 'enum' || alone === 'const';
    const beside = alone && keys.find((key) => key !== alone && !(isListed && key === 'type'));
    if (beside) throw refuse(beside, `${beside} beside ${alone} is not known here`, at);
    const types = schema.type === undefined ? undefined : [schema.type].flat();
    const strange = types?.find((type) => !Object.hasOwn(TYPES, String(type)));
    if (strange !== undefined) throw refuse('type', `there is no type "${String(strange)}"`, at);

    if (isListed) {
      const values = alone === 'const' ? [schema.const] : schema.enum;
      if (!Array.isArray(values)) throw refuse('enum', 'enum must be a list', at);
      const allowed = values.filter((value) => !types || types.some((type) => isOfType(value, type)));
      return builder.choice(...allowed.map((value) => json.literal(value)));
    }
    if (alone === '$ref') return sub(...follow(schema.$ref, at));
    if (alone) {
      const parts = schema[alone];
      if (!Array.isArray(parts) || parts.length === 0)
        throw refuse(alone, `${alone} must be a list of schemas`, at);
      if (alone === 'allOf' && parts.length > 1)
        throw refuse('allOf', 'allOf of more than one schema is not known here', at);
      if (alone === 'oneOf' && !areApart(parts.map((part) => resolve(part, at))))
        throw refuse(
          'oneOf',
          'more than one schema of oneOf could hold; use anyOf, or tell them apart by type or const',
          at,
        );
      return builder.choice(...parts.map((part, i) => sub(part, place(at, alone, i))));
    }
    return builder.choice(...(types ?? EVERY_TYPE).map((type) => TYPES[String(type)]!(context, schema, at)));
  };
  const resolve = (schema: unknown, at: string): unknown => {
    let found = schema;
    for (let i = 0; i < DEEPEST && (found as Keywords | null)?.$ref !== undefined; i++)
      [found] = follow((found as Keywords).$ref, at);
    return found;
  };

  let depth = 0;
  const sub = (schema: unknown, at: string): Fragment => {
    if (schema === true) return json.any;
    const body = (): Fragment => {
      if (schema === false) return builder.choice();
      if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
        throw refuse('schema', 'a schema must be an object, true or false', at);
      const isEmpty = Object.keys(schema).every((key) => ANNOTATIONS.has(key));
      return isEmpty ? json.any : withKeywords(schema as Keywords, at);
    };
    // A rule for each place: what many places mean is kept once, and a schema may speak of itself.
    return builder.rule(`schema ${at}`, () => (next) => {
      if (++depth > DEEPEST) throw refuse('depth', `it is nested deeper than ${DEEPEST}`, at);
      const start = body()(next);
      depth -= 1;
      return start;
    });
  };
  const context: SchemaContext = { builder, json, sub, refuse };
  return sub(root, '#');
};

/** A schema is JSON: what comes from a page may be anything. */
const asJson = (given: unknown, refuse: SchemaContext['refuse']): unknown => {
  try {
    return JSON.parse(JSON.stringify(given));
  } catch (cause) {
    throw refuse('schema', `it cannot be written as JSON (${(cause as Error).message.split('\n')[0]})`, '#');
  }
};
