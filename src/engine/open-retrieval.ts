import { Context } from '../generate/context.js';
import type { Conversation } from '../generate/conversation.js';
import { loadRetrieval } from '../generate/load-retrieval.js';
import { forward, stateOf, tooLong } from '../generate/reader.js';
import type { Retrieval } from '../generate/retrieval.js';
import { createTurnEncoder } from '../generate/turn-encoder.js';
import type { OpenModel } from './open-model.js';

/** What finds in texts beside a session; made when it is first asked for. */
export interface OpenRetrieval {
  get(): Promise<Retrieval>;
  release(): void;
}

export const openRetrieval = (
  { reader, tokenizer, template }: OpenModel,
  conversation: Conversation,
): OpenRetrieval => {
  let made: Retrieval | undefined;
  return {
    async get() {
      const { createRetrieval } = await loadRetrieval();
      const opening = conversation.turns.opening ?? [];
      // Whatever a model's contexts drop: what is read here is judged once, and goes.
      const newContext = () => new Context(reader, undefined, undefined, { retain: undefined });
      const given = { reader, tokenizer, template, opening, newContext };
      made ??= createRetrieval({ ...given, createTurnEncoder, forward, stateOf, tooLong });
      return made;
    },
    release: () => made?.release(),
  };
};
