const isPrintable = (b: number): boolean => (b > 32 && b < 127) || (b > 160 && b !== 173);
let spare = 256;
/** The printable stand-ins for bytes that byte-level vocabularies use (the table of GPT-2). */
const SYMBOLS = Array.from({ length: 256 }, (_, b) => String.fromCodePoint(isPrintable(b) ? b : spare++));

/**
 * Merges that join neighbours two by two until each text is one token, across words, spaces and lines: where a rule cuts
 * a text, other tokens come out. (Trained merges never cross the cuts of the rule they were trained with, and so hide
 * most differences.)
 */
export const pairedMerges = (texts: readonly string[]): { tokens: string[]; merges: string[] } => {
  const tokens = new Set(SYMBOLS);
  const merges = new Set<string>();
  let rows = texts.map((text) => Array.from(new TextEncoder().encode(text), (byte) => SYMBOLS[byte]!));
  while (rows.some((row) => row.length > 1)) {
    rows = rows.map((row) => {
      const joined: string[] = [];
      for (let i = 0; i < row.length; i += 2) {
        if (i + 1 < row.length) {
          merges.add(`${row[i]} ${row[i + 1]}`);
          tokens.add(row[i]! + row[i + 1]!);
        }
        joined.push(row.slice(i, i + 2).join(''));
      }
      return joined;
    });
  }
  return { tokens: [...tokens], merges: [...merges] };
};
