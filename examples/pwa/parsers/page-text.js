// @ts-check
/** A line this much further down than lines are high begins a paragraph. */
const PARAGRAPH = 1.7;

/** @typedef {{ str: string, transform: number[], height: number, hasEOL: boolean }} Piece */

/** @param {(Piece | { type: string })[]} pieces */
const linesOf = (pieces) => {
  /** @type {{ text: string, y: number, height: number }[]} */
  const lines = [];
  let open = true;
  for (const piece of pieces) {
    if (!('str' in piece)) continue;
    const { str, transform, height, hasEOL } = piece;
    const last = lines.at(-1);
    if (open || !last) lines.push({ text: str, y: transform[5] ?? 0, height });
    else {
      last.text += str;
      last.height = Math.max(last.height, height);
    }
    open = hasEOL;
  }
  return lines.filter(({ text }) => text.trim() !== '');
};

/** A page's text in paragraphs: lines are joined, words that were parted at their ends too, and page numbers left out. */
export const pageText = (/** @type {(Piece | { type: string })[]} */ pieces) => {
  const lines = linesOf(pieces).filter(
    ({ text }, n, all) => !((n === 0 || n === all.length - 1) && /^\s*\d{1,5}\s*$/.test(text)),
  );
  let text = '';
  lines.forEach((line, n) => {
    const before = lines[n - 1];
    const words = line.text.trim();
    if (!before) text = words;
    else if (Math.abs(before.y - line.y) > PARAGRAPH * Math.max(before.height, line.height, 1))
      text += `\n\n${words}`;
    else if (/\p{Ll}[-\u00ad]$/u.test(text) && /^\p{Ll}/u.test(words)) text = text.slice(0, -1) + words;
    else text += ` ${words}`;
  });
  return text;
};
