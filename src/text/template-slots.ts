import type { TemplatePiece } from './template-pieces.js';

/** Texts that a template must not see, as unguessable words that stand for them. */
export interface Slots {
  /** The same word for the same text. */
  word(text: string): string;
  /** What a template has made of the words, with the texts in their places as plain content. */
  cut(rendered: string): TemplatePiece[];
}

const unguessable = (): string =>
  `x${Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;

/**
 * `names` tells template text that names tokens from plain text: what stands between two slots and names none is one text
 * with them, as it was in training. A slot between double quotes is a string of JSON, and is escaped like one.
 */
export const createSlots = (names: (text: string) => boolean): Slots => {
  const words = new Map<string, string>();
  const texts = new Map<string, string>();
  return {
    word(text) {
      const known = words.get(text);
      if (known !== undefined) return known;
      const made = unguessable();
      words.set(text, made);
      texts.set(made, text);
      return made;
    },
    cut(rendered) {
      const parts =
        texts.size === 0 ? [rendered] : rendered.split(new RegExp(`(${[...texts.keys()].join('|')})`));
      return parts.flatMap((part, i): TemplatePiece[] => {
        const text = texts.get(part);
        if (text === undefined) {
          const isInside = i > 0 && i < parts.length - 1;
          return part === '' ? [] : [{ text: part, control: !isInside || names(part) }];
        }
        const isQuoted = parts[i - 1]!.endsWith('"') && parts[i + 1]!.startsWith('"');
        return [{ text: isQuoted ? JSON.stringify(text).slice(1, -1) : text, control: false }];
      });
    },
  };
};
