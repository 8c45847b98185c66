import type { CallStyle } from '../../text/call-form.js';
import { isText, propertiesOf } from '../call-schema.js';
import type { Builder } from './builder.js';
import { characters, complement, oneOf } from './characters.js';
import type { Fragment } from './network.js';
import { unsupportedGrammar } from './refusal.js';
import { compileSchema } from './schema.js';

const ENDLESS = Number.POSITIVE_INFINITY;
/** Of text that is written as it is these say more than can be held to. */
const OF_TEXTS = ['pattern', 'format', 'minLength', 'maxLength'];

/** Text in which no parameter ends: behind `</p`, say, comes nothing that goes on to `</parameter>`. */
const rawText = (builder: Builder): Fragment => {
  const { sequence, choice, optional, repeat, text } = builder;
  const but = (signs: string): Fragment => oneOf(builder, complement(characters(signs)));
  const END = '/parameter>';
  const lessThan = repeat(text('<'), 1, ENDLESS);
  const harmless = Array.from(END, (sign, i) => sequence(text(END.slice(0, i)), but(`${sign}<`)));
  const inside = repeat(choice(but('<'), sequence(lessThan, choice(...harmless))), 0, ENDLESS);
  const begun = Array.from(END, (_, i) => text(END.slice(0, i)));
  return sequence(inside, optional(sequence(lessThan, choice(...begun))));
};

/** In the order of the schema, each at most once, those that are required always. */
const members = (
  { choice }: Builder,
  entries: readonly { readonly isRequired: boolean; readonly entry: Fragment }[],
  between: Fragment,
): Fragment => {
  /** Two ways run side by side: something stands before the next member, or nothing does. */
  return (next) => {
    let [fresh, begun] = [next, next];
    for (const { isRequired, entry } of [...entries].reverse()) {
      const first = entry(begun);
      const later = between(entry(begun));
      const [withoutFresh, withoutBegun] = [fresh, begun];
      fresh = isRequired
        ? first
        : choice(
            () => first,
            () => withoutFresh,
          )(next);
      begun = isRequired
        ? later
        : choice(
            () => later,
            () => withoutBegun,
          )(next);
    }
    return fresh;
  };
};

/**
 * The arguments of a call as XML or Python write them, each of its schema. Errors: `unsupported/constraint`, as for JSON, and
 * for what text that is written as it is cannot be held to.
 */
export const compileNamedArguments = (
  builder: Builder,
  { written }: CallStyle,
  parameters: unknown,
  strict: boolean,
): Fragment => {
  const { sequence, choice, repeat, text, bytes, nothing } = builder;
  const isXml = written === 'xml';
  const raw = builder.rule('raw text', () => rawText(builder));
  const value = (schema: unknown, at: string): Fragment => {
    const scope: Builder = { ...builder, rule: (name, body) => builder.rule(`${at} ${name}`, body) };
    if (!isXml || !isText(schema)) return compileSchema(scope, schema);
    const { enum: listed, const: only } = schema;
    const values = listed ?? (only === undefined ? undefined : [only]);
    if (values) return choice(...values.map((one) => text(String(one))));
    const more = OF_TEXTS.find((keyword) => Object.hasOwn(schema, keyword));
    if (more)
      throw unsupportedGrammar(
        'schema',
        more,
        `this model writes text as it is, without ${more}`,
        `#/properties/${at}`,
      );
    return raw;
  };
  const entry = (name: Fragment, body: Fragment): Fragment =>
    isXml
      ? sequence(text('<parameter='), name, text('>\n'), body, text('\n</parameter>\n'))
      : sequence(name, text('='), body);
  const between = isXml ? nothing : text(', ');
  const properties = propertiesOf(parameters);
  if (!strict || properties === undefined) {
    if (strict)
      throw unsupportedGrammar(
        'schema',
        'additionalProperties',
        'this model names its arguments: say in `properties` which there are',
        '#',
      );
    const letters = [
      [0x30, 0x39],
      [0x41, 0x5a],
      [0x5f, 0x5f],
      [0x61, 0x7a],
    ] as const;
    const any = entry(repeat(bytes(...letters), 1, 64), isXml ? raw : compileSchema(builder, true));
    return choice(nothing, sequence(any, repeat(sequence(between, any), 0, ENDLESS)));
  }
  const entries = properties.map(({ name, schema, isRequired }) => ({
    isRequired,
    entry: entry(text(name), value(schema, name)),
  }));
  return members(builder, entries, between);
};
