/** A stretch of a conversation: template text, where names of control tokens count, or plain content. */
export interface TemplatePiece {
  readonly text: string;
  readonly control: boolean;
}

/** Template text in front of a content; a single last space goes with the content. */
export const beforeContent = (text: string): TemplatePiece[] =>
  /\S $/.test(text)
    ? [
        { text: text.slice(0, -1), control: true },
        { text: ' ', control: false },
      ]
    : [{ text, control: true }];

/** Without empty pieces; neighbours of one kind become one. */
export const joinPieces = (pieces: readonly TemplatePiece[]): TemplatePiece[] => {
  const joined: TemplatePiece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (piece.text === '') continue;
    if (last?.control === piece.control)
      joined[joined.length - 1] = { ...last, text: last.text + piece.text };
    else joined.push(piece);
  }
  return joined;
};
