import type { CallRules } from '../tool-choice.js';
import { type Builder, createBuilder } from './builder.js';
import { compileNamedArguments } from './call-arguments.js';
import type { Fragment, Network } from './network.js';
import { compileSchema } from './schema.js';

/** Bytes that are in no text: one for each mark that is a token of its own. */
const FIRST_MARK = 0xf8;

/** The byte that stands for a mark; `marks` in the order of their bytes. */
export const markByte = (marks: readonly string[], mark: string): number => FIRST_MARK + marks.indexOf(mark);

/** Rules of one of several schemas: places of the same name are others. */
const scoped = (builder: Builder, index: number): Builder => ({
  ...builder,
  rule: (name, body) => builder.rule(`${index} ${name}`, body),
});

/**
 * Calls of tools as a model writes them, one or several, each with arguments of its tool's schema. `tokens` are the marks that
 * are tokens of their own; others are text.
 */
export const compileCalls = (
  { tools, style, several }: CallRules,
  marks: readonly string[],
  tokens: ReadonlySet<string>,
): Network => {
  const builder = createBuilder('tools');
  const { sequence, choice, text, repeat, bytes, rule, nothing, optional } = builder;
  const space = rule('space', () =>
    choice(nothing, text(' '), sequence(text('\n'), repeat(text(' '), 0, 16))),
  );
  const mark = (name: string): Fragment => {
    if (!tokens.has(name)) return text(name);
    const byte = markByte(marks, name);
    return bytes([byte, byte]);
  };
  const more = (part: Fragment): Fragment => (several ? repeat(part, 0, Number.POSITIVE_INFINITY) : nothing);
  const { open, close, list, written, ids } = style;
  const letters = bytes([0x30, 0x39], [0x41, 0x5a], [0x61, 0x7a]);
  const id = ids ? sequence(mark('[CALL_ID]'), repeat(letters, 9, 9)) : nothing;
  const call = choice(
    ...tools.map(({ name, parameters, strict = true }, i) => {
      const scope = scoped(builder, i);
      const none = { type: 'object', properties: {}, additionalProperties: false };
      const schema = strict ? (parameters ?? none) : { type: 'object' };
      const named = (): Fragment => compileNamedArguments(scope, style, parameters, strict);
      if (written === 'python') return sequence(text(`${name}(`), named(), text(')'));
      if (written === 'xml') return sequence(text(`<function=${name}>\n`), named(), text('</function>'));
      if (written === 'marked') return sequence(text(name), id, mark('[ARGS]'), compileSchema(scope, schema));
      return sequence(
        text(`{"name": ${JSON.stringify(name)}, "${style.key}":`),
        optional(text(' ')),
        compileSchema(scope, schema),
        space,
        text('}'),
      );
    }),
  );
  if (list) {
    const calls = sequence(call, more(sequence(text(','), space, call)));
    return builder.build(sequence(mark(open), space, text('['), calls, text(']'), mark(close)));
  }
  if (written === 'marked')
    return builder.build(sequence(mark(open), call, more(sequence(mark(open), call))));
  const one = open === '' ? call : sequence(mark(open), space, call, space, mark(close));
  return builder.build(sequence(one, more(sequence(space, one))));
};
