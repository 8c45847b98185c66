/** Tokens by their bytes, depth first: what begins alike is looked at once. */
export interface TokenTrie {
  /** The byte that leads to each place; place 0 is the beginning of all. */
  readonly bytes: Uint8Array;
  readonly depths: Uint16Array;
  /** Behind the last place below each. */
  readonly ends: Int32Array;
  /** Tokens that end at place i: `tokens[first[i]]` up to `tokens[first[i + 1]]`. */
  readonly first: Int32Array;
  readonly tokens: Int32Array;
  /** Bytes of the longest token. */
  readonly deepest: number;
  readonly vocab: number;
}

/** `bytesOf` gives the bytes that a token adds to a text; undefined, or none, where it adds no text. */
export const createTokenTrie = (
  vocab: number,
  bytesOf: (id: number) => Uint8Array | undefined,
): TokenTrie => {
  const spelled: string[] = [];
  const ids = new Map<string, number[]>();
  for (let id = 0; id < vocab; id++) {
    const bytes = bytesOf(id);
    if (!bytes || bytes.length === 0) continue;
    const text = String.fromCharCode(...bytes);
    const alike = ids.get(text);
    if (alike) alike.push(id);
    else {
      ids.set(text, [id]);
      spelled.push(text);
    }
  }
  spelled.sort();
  const shared = (a: string, b: string): number => {
    let length = 0;
    while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
    return length;
  };
  let places = 1;
  let before = '';
  for (const text of spelled) {
    places += text.length - shared(text, before);
    before = text;
  }
  const bytes = new Uint8Array(places);
  const depths = new Uint16Array(places);
  const ends = new Int32Array(places);
  const first = new Int32Array(places + 1);
  const tokens = new Int32Array([...ids.values()].reduce((sum, { length }) => sum + length, 0));
  /** The places from the beginning to the last token. */
  const path: number[] = [0];
  let last = 0;
  let told = 0;
  let deepest = 0;
  before = '';
  const close = (depth: number): void => {
    while (path.length > depth + 1) ends[path.pop()!] = last + 1;
  };
  for (const text of spelled) {
    const common = shared(text, before);
    close(common);
    for (let i = common; i < text.length; i++) {
      last += 1;
      bytes[last] = text.charCodeAt(i);
      depths[last] = i + 1;
      first[last] = told;
      path.push(last);
    }
    for (const id of ids.get(text)!) tokens[told++] = id;
    deepest = Math.max(deepest, text.length);
    before = text;
  }
  close(-1);
  first[places] = told;
  return { bytes, depths, ends, first, tokens, deepest, vocab };
};
