/**
 * Delimiter marks of a growing token list: marks(n)[i] is the mark of the token at position i, for i < n. `ofToken` gives
 * the table indexed by token id, which may take a while to make. A call with a smaller n than the last forgets what lies beyond.
 */
export const createMarks = (
  tokens: readonly number[],
  ofToken: () => Uint8Array,
): ((n: number) => Uint8Array) => {
  let marks = new Uint8Array(1024);
  let filled = 0;
  return (n) => {
    const table = ofToken();
    if (n > marks.length) {
      const larger = new Uint8Array(Math.max(n, marks.length * 2));
      larger.set(marks);
      marks = larger;
    }
    for (let i = Math.min(filled, n); i < n; i++) marks[i] = table[tokens[i]!] ?? 0;
    filled = n;
    return marks;
  };
};
