import type { Recogniser } from '../../../src/generate/grammar/recogniser.js';

/** A text that the schema allows, byte by byte at random; undefined where it does not come to an end. */
export const wander = (
  { start, step }: Recogniser,
  dice: { below(limit: number): number },
): string | undefined => {
  const bytes: number[] = [];
  for (let state = start; bytes.length < 400; ) {
    if (state.accepts && (state.places.length === 0 || dice.below(4) === 0)) {
      return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
    }
    const next = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => step(state, byte));
    // Structure is rarer than letters: it is preferred, so that the walk ends.
    const marks = next.filter((byte) => '"]},:'.includes(String.fromCharCode(byte)));
    const from = marks.length > 0 && dice.below(3) > 0 ? marks : next;
    const byte = from[dice.below(from.length)]!;
    bytes.push(byte);
    state = step(state, byte)!;
  }
  return undefined;
};
