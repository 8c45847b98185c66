/** Turns ids into text as they come. */
export interface TextStream {
  /** What is certain after this token; never half a character, so often empty. */
  push(id: number): string;
  /** What was held back: an unfinished character becomes U+FFFD. The stream may be used again, from the start. */
  end(): string;
}

/** What a stream must know of a token. */
export interface TokenText {
  /** UTF-8 of a token of text. */
  bytes(id: number): Uint8Array;
  /** The name of a control or user-defined token, undefined for tokens of text. */
  name(id: number): string | undefined;
  isControl(id: number): boolean;
  /** Whether a text that starts a context, or follows a named token, was given a space (SentencePiece). */
  readonly spacePrefix: boolean;
}

const BLANK = 0x20;

/**
 * A stream over `tokens`. With `control` the names of control tokens are part of the text, or what is given for them; they
 * are left out by default. A named token ends the character before it. The space that encoding put in front of a text is taken away
 * again.
 */
export const createTextStream = (
  tokens: TokenText,
  control: boolean | ReadonlyMap<string, string> = false,
): TextStream => {
  const shown = (name: string, isControl: boolean): string => {
    if (typeof control === 'boolean') return control || !isControl ? name : '';
    return control.get(name) ?? (isControl ? '' : name);
  };
  // The byte order mark is a character like any other here.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let fresh = true;
  return {
    push(id) {
      const name = tokens.name(id);
      if (name !== undefined) {
        fresh = true;
        return decoder.decode() + shown(name, tokens.isControl(id));
      }
      let bytes = tokens.bytes(id);
      if (fresh && tokens.spacePrefix && bytes[0] === BLANK) bytes = bytes.subarray(1);
      fresh = false;
      return decoder.decode(bytes, { stream: true });
    },
    end() {
      fresh = true;
      return decoder.decode();
    },
  };
};
