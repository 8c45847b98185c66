import { createBuilder } from './builder.js';
import { oneOf } from './characters.js';
import type { Network } from './network.js';
import { compileNotation } from './notation.js';
import { type GrammarOptions, grammarOption } from './options.js';
import { parsePattern } from './pattern.js';
import { unsupportedGrammar } from './refusal.js';
import { compileSchema } from './schema.js';

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
