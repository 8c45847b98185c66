import { createBuilder } from './builder.js';
import { oneOf } from './characters.js';
import type { Network } from './network.js';
import { compileNotation } from './notation.js';
import { parsePattern } from './pattern.js';
import { unsupportedGrammar } from './refusal.js';
import { compileSchema } from './schema.js';

/** What an answer must be. One of them at most. */
export interface GrammarOptions {
  /**
   * The answer is JSON that this JSON Schema allows: the keywords that docs/STRUCTURED.md lists. One that cannot be honoured
   * rejects with `unsupported/constraint` and its name, and nothing is generated.
   */
  readonly schema?: unknown;
  /** The whole answer matches this regular expression, or the source of one. */
  readonly pattern?: RegExp | string;
  /** The answer is in the language of this grammar, in the notation of llama.cpp (GBNF). */
  readonly grammar?: string;
}

/** The option that is set; undefined where the answer is free. */
export const grammarOption = ({
  schema,
  pattern,
  grammar,
}: GrammarOptions): keyof GrammarOptions | undefined =>
  schema !== undefined
    ? 'schema'
    : pattern !== undefined
      ? 'pattern'
      : grammar !== undefined
        ? 'grammar'
        : undefined;

/**
 * The grammar of an answer.
 * Errors: `unsupported/constraint` where it cannot be honoured.
 */
export const compileGrammar = (options: GrammarOptions): Network => {
  const option = grammarOption(options)!;
  const builder = createBuilder(option);
  try {
    if (option === 'schema') return builder.build(compileSchema(builder, options.schema));
    if (option === 'grammar') return builder.build(compileNotation(builder, options.grammar!));
    const pattern = options.pattern!;
    const [source, flags] = typeof pattern === 'string' ? [pattern, ''] : [pattern.source, pattern.flags];
    return builder.build(parsePattern(builder, option, source, flags, (set) => oneOf(builder, set)).body);
  } catch (error) {
    // The stack of calls follows the nesting of what was given.
    if (error instanceof RangeError) throw unsupportedGrammar(option, 'depth', 'it is nested too deeply');
    throw error;
  }
};
