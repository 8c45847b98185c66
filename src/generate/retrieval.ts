import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Context } from './context.js';
import { createRanking, type Ranked, type Ranking } from './rank.js';
import type { AppendHooks, forward, Reader, stateOf, tooLong } from './reader.js';
import { type Sifted, type SiftSettings, sift } from './sift.js';
import type { createTurnEncoder } from './turn-encoder.js';

export { createSources } from './sources.js';

/** What retrieval works with: the engine's own code, so that this script does not bring it again. */
export interface RetrievalParts {
  readonly reader: Reader;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly opening: readonly TemplatePiece[];
  readonly createTurnEncoder: typeof createTurnEncoder;
  readonly forward: typeof forward;
  readonly stateOf: typeof stateOf;
  readonly tooLong: typeof tooLong;
  newContext(): Context;
}

/** What a session finds in texts that are no part of it. */
export interface Retrieval {
  rank: Ranking['rank'];
  sift(text: string, question: string, settings: SiftSettings, hooks: AppendHooks): Promise<Sifted>;
  release(): void;
}

const onlyStrings = (...found: readonly unknown[]): void => {
  if (found.every((one) => typeof one === 'string')) return;
  throw new LonghandError('input/type', 'Texts and questions are strings. Give strings.');
};

export const createRetrieval = (parts: RetrievalParts): Retrieval => {
  const { reader, tokenizer, template, opening } = parts;
  const encode = parts.createTurnEncoder(tokenizer, template, opening);
  const closing = template.closing();
  const ranking = createRanking({ ...parts, encode, closing });
  return {
    async rank(documents, query, settings, hooks): Promise<Ranked[]> {
      onlyStrings(query, ...(Array.isArray(documents) ? documents : [documents, undefined]));
      return ranking.rank(documents, query, settings, hooks);
    },
    async sift(text, question, settings, hooks) {
      onlyStrings(text, question);
      const context = parts.newContext();
      try {
        const { heads, layers } = reader.config;
        const { maxTokens } = reader;
        return await sift(
          { context, tokenizer, encode, closing, layers, heads, maxTokens },
          text,
          question,
          settings,
          hooks,
        );
      } finally {
        context.close();
      }
    },
    release: ranking.release,
  };
};
