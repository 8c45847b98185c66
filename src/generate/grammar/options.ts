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
