import type { Answer } from '../../index.js';
import type { StreamPart } from './protocol.js';

/** An answer as blocks of the AI SDK: thoughts, text and calls, each begun, told in pieces and ended. */
export async function* partsOf(answer: Answer, newId: () => string): AsyncGenerator<StreamPart> {
  let open:
    | { readonly block: 'text' | 'reasoning' | 'tool-input'; readonly id: string; index: number }
    | undefined;
  let name = '';
  let input = '';
  const end = (): StreamPart[] => {
    if (!open) return [];
    const { block, id } = open;
    open = undefined;
    const ended = { type: `${block}-end`, id } as const;
    // A call that was cut is none.
    return block === 'tool-input' && isWhole(input)
      ? [ended, { type: 'tool-call', toolCallId: id, toolName: name, input }]
      : [ended];
  };
  for await (const part of answer.parts) {
    const block = part.kind === 'call' ? 'tool-input' : part.kind;
    const index = part.kind === 'call' ? part.index : 0;
    if (open?.block !== block || open.index !== index) {
      yield* end();
      const id = newId();
      open = { block, id, index };
      if (part.kind === 'call') {
        [name, input] = [part.name, ''];
        yield { type: 'tool-input-start', id, toolName: name };
      } else yield { type: `${part.kind}-start`, id };
    }
    if (part.kind === 'call') input += part.text;
    if (part.text !== '') yield { type: `${block}-delta`, id: open.id, delta: part.text };
  }
  yield* end();
}

const isWhole = (input: string): boolean => {
  try {
    JSON.parse(input);
    return true;
  } catch {
    return false;
  }
};
