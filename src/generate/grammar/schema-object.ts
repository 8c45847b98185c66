import { characters, complement } from './characters.js';
import type { Fragment, Node } from './network.js';
import { type Keywords, place, type SchemaContext } from './schema-context.js';

/** A key that is none of `names`, in the one way that JSON.stringify writes it. */
const otherKey = ({ builder, json }: SchemaContext, names: readonly string[]): Fragment => {
  const { choice, sequence, repeat, text } = builder;
  const one = json.character(complement([]));
  const free = sequence(repeat(one, 0, Number.POSITIVE_INFINITY), text('"'));
  const after = (rests: readonly (readonly string[])[]): Fragment => {
    const heads = [...new Set(rests.flatMap((rest) => rest.slice(0, 1)))];
    const isName = rests.some((rest) => rest.length === 0);
    return choice(
      ...(isName ? [] : [text('"')]),
      sequence(json.character(complement(characters(heads.join('')))), free),
      ...heads.map((head) =>
        sequence(
          json.character(characters(head)),
          after(rests.filter((rest) => rest[0] === head).map((rest) => rest.slice(1))),
        ),
      ),
    );
  };
  return names.length === 0
    ? sequence(text('"'), free)
    : sequence(text('"'), after(names.map((name) => [...name])));
};

/** Properties in the order of the schema, each at most once; then others, where `additionalProperties` allows them. */
export const objectOf = (context: SchemaContext, schema: Keywords, at: string): Fragment => {
  const { builder, json, sub, refuse } = context;
  const { sequence, text, choice } = builder;
  const { properties = {}, required = [], additionalProperties } = schema;
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    throw refuse('properties', 'properties must be an object of schemas', at);
  if (!Array.isArray(required) || required.some((name) => typeof name !== 'string'))
    throw refuse('required', 'required must be a list of names', at);
  const all = properties as Keywords;
  const others = additionalProperties ?? (Object.keys(all).length === 0 && required.length === 0);
  const names = [...Object.keys(all), ...required.filter((name) => !Object.hasOwn(all, name))];
  const member = (key: Fragment, value: Fragment): Fragment =>
    sequence(key, json.space, text(':'), json.space, value);
  const named = [...new Set(names)].map((name) => ({
    isRequired: required.includes(name),
    entry: member(
      json.literal(name),
      Object.hasOwn(all, name)
        ? sub(all[name], place(at, 'properties', name))
        : sub(additionalProperties ?? true, place(at, 'additionalProperties')),
    ),
  }));
  const comma = sequence(json.space, text(','), json.space);
  const another =
    others === false
      ? undefined
      : member(
          builder.rule(`keys ${at}`, () => otherKey(context, names)),
          sub(others, place(at, 'additionalProperties')),
        );

  /** The members, then `next`. Two ways run side by side: something stands before the next member, or nothing does. */
  const members: Fragment = (next) => {
    const more = another && sequence(comma, another);
    const repeated = more ? builder.repeat(more, 0, Number.POSITIVE_INFINITY) : builder.nothing;
    let begun: Node = repeated(next);
    let fresh: Node = another ? builder.optional(sequence(another, repeated))(next) : next;
    for (const { isRequired, entry } of [...named].reverse()) {
      const [first, later] = [entry(begun), sequence(comma, entry)(begun)];
      const [skipFresh, skipBegun] = [fresh, begun];
      fresh = isRequired
        ? first
        : choice(
            () => first,
            () => skipFresh,
          )(next);
      begun = isRequired
        ? later
        : choice(
            () => later,
            () => skipBegun,
          )(next);
    }
    return fresh;
  };
  return sequence(text('{'), json.space, members, json.space, text('}'));
};
