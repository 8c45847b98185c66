import type { Fragment } from './network.js';
import { countOf, type Keywords, place, type SchemaContext } from './schema-context.js';

/** `prefixItems` in their order, then `items`, as many as `minItems` and `maxItems` say. */
export const arrayOf = (context: SchemaContext, schema: Keywords, at: string): Fragment => {
  const { builder, json, sub, refuse } = context;
  const { sequence, text, choice, nothing, optional } = builder;
  const first = schema.prefixItems ?? [];
  if (!Array.isArray(first)) throw refuse('prefixItems', 'prefixItems must be a list of schemas', at);
  if (Array.isArray(schema.items)) throw refuse('items', 'a list of items is prefixItems now', at);
  // Items behind the named ones come only where the schema speaks of them.
  const hasMore = schema.items !== false && (schema.items !== undefined || first.length === 0);
  const least = countOf(context, schema, 'minItems', 0, at);
  const most = Math.min(
    countOf(context, schema, 'maxItems', Number.POSITIVE_INFINITY, at),
    hasMore ? Number.POSITIVE_INFINITY : first.length,
  );
  const rest = sub(schema.items ?? true, place(at, 'items'));
  const comma = sequence(json.space, text(','), json.space);
  const nth = (i: number): Fragment => {
    const item = i < first.length ? sub(first[i], place(at, 'prefixItems', i)) : rest;
    return i === 0 ? item : sequence(comma, item);
  };
  // Up to here every place has a schema or a duty of its own; behind it all are alike.
  const named = Math.max(first.length, least, 1);
  let body = most <= named ? nothing : builder.repeat(sequence(comma, rest), 0, most - named);
  for (let i = Math.min(named, most) - 1; i >= 0; i--) {
    const from = sequence(nth(i), body);
    body = i >= least ? optional(from) : from;
  }
  return most < least ? choice() : sequence(text('['), json.space, body, json.space, text(']'));
};
