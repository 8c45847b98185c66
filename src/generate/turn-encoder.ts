import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** `start`: nothing yet. `user`: inside a user turn. `answered`: after an answer. */
export type Turn = 'start' | 'user' | 'answered';

/**
 * Ids of contents that are added where a conversation stands at `from`, after the token `after`, with what the template
 * puts in front of them.
 */
export type TurnEncoder = (
  from: Turn,
  after: number | undefined,
  parts: readonly TemplatePiece[],
  signal?: AbortSignal,
) => Promise<number[]>;

/** `opening` stands in front of the first content. */
export const createTurnEncoder = (
  tokenizer: Tokenizer,
  template: ChatTemplate,
  opening: readonly TemplatePiece[],
): TurnEncoder => {
  /**
   * Ids of template text and contents that follow the token `after`. Neighbouring plain parts are one text to the
   * tokenizer; control tokens come from the template alone.
   */
  const encode = async (
    parts: readonly TemplatePiece[],
    after: number | undefined,
    signal?: AbortSignal,
  ): Promise<number[]> => {
    const ids: number[] = [];
    const runs: TemplatePiece[] = [];
    for (const part of parts) {
      const last = runs.at(-1);
      if (last && !last.control && !part.control) runs.push({ ...runs.pop()!, text: last.text + part.text });
      else runs.push(part);
    }
    for (const { text, control } of runs) {
      const before = ids.at(-1) ?? after;
      const found = control
        ? tokenizer.encodeTemplate(text, before)
        : await tokenizer.encode(text, {
            ...(before !== undefined && { after: before }),
            ...(signal && { signal }),
          });
      for (const id of found) ids.push(id);
    }
    return ids;
  };

  return async (from, after, parts, signal) => {
    const lead = from === 'user' ? [] : from === 'start' ? opening : template.following();
    const bos = from === 'start' && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
    return [...bos, ...(await encode([...lead, ...parts], bos[0] ?? after, signal))];
  };
};
