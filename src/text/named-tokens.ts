/** A stretch of plain text, or the id of a token that the text names. */
export type Fragment = string | number;

/**
 * Cuts a text at the names of tokens: leftmost first, of several at one place the longest. Fragments of text are never
 * empty.
 */
export const createNameSplitter = (
  names: Iterable<readonly [name: string, id: number]>,
): ((text: string) => Iterable<Fragment>) => {
  const byFirst = new Map<string, [string, number][]>();
  for (const [name, id] of names) {
    const first = name[0];
    if (first === undefined) continue;
    const group = byFirst.get(first);
    if (group) group.push([name, id]);
    else byFirst.set(first, [[name, id]]);
  }
  for (const group of byFirst.values()) group.sort((a, b) => b[0].length - a[0].length);

  return function* split(text) {
    let from = 0;
    for (let i = 0; byFirst.size > 0 && i < text.length; ) {
      const found = byFirst.get(text[i]!)?.find(([name]) => text.startsWith(name, i));
      if (!found) {
        i++;
        continue;
      }
      if (i > from) yield text.slice(from, i);
      yield found[1];
      from = i += found[0].length;
    }
    if (from < text.length) yield from === 0 ? text : text.slice(from);
  };
};
