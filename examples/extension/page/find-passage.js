// @ts-check
// Where a passage stands in a text that may be laid out otherwise, or may have changed since.

/** Letters of a seed, fewest and most, and places of one seed that are looked at. */
const LEAST_SEED = 6;
const MOST_SEED = 16;
const MOST_PLACES = 40;
/** Letters of a word, at most. */
const MOST_WORD = 40;
/** Share of its seeds that a changed passage must still have. */
const ENOUGH = 0.4;

/** White space, soft hyphens and what has no width: two layouts of the same words differ in nothing else. */
const isLayout = (/** @type {number} */ unit) =>
  unit <= 0x20 ||
  unit === 0xa0 ||
  unit === 0xad ||
  (unit >= 0x2000 && unit <= 0x200f) ||
  unit === 0x2028 ||
  unit === 0x2029 ||
  unit === 0x202f ||
  unit === 0x2060 ||
  unit === 0x3000 ||
  unit === 0xfeff;

/** A text without its layout, and where each of the code units left stood. @param {string} text */
export const squeeze = (text) => {
  const at = new Uint32Array(text.length);
  const parts = [];
  let letters = 0;
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && !isLayout(text.charCodeAt(i))) {
      at[letters++] = i;
      continue;
    }
    if (i > from) parts.push(text.slice(from, i));
    from = i + 1;
  }
  return { letters: parts.join(''), at: at.subarray(0, letters) };
};

/** Where `needle` begins in `letters`, each place. @param {string} letters @param {string} needle @param {number} most */
const placesOf = (letters, needle, most) => {
  const places = [];
  for (
    let at = letters.indexOf(needle);
    at >= 0 && places.length < most;
    at = letters.indexOf(needle, at + 1)
  )
    places.push(at);
  return places;
};

/** The stretch that has most of the passage's seeds, if it has enough. @param {string} letters @param {string} needle */
const mostAlike = (letters, needle) => {
  const length = Math.max(LEAST_SEED, Math.min(MOST_SEED, needle.length >> 2));
  const step = length >> 1;
  /** @type {{ place: number, seed: number }[]} */
  const hits = [];
  let seeds = 0;
  for (let seed = 0; seed + length <= needle.length; seed += step, seeds++) {
    for (const place of placesOf(letters, needle.slice(seed, seed + length), MOST_PLACES))
      hits.push({ place, seed });
  }
  hits.sort((a, b) => a.place - b.place);
  const reach = needle.length * 1.5 + length;
  /** @type {{ start: number, end: number, found: number }} */
  let best = { start: 0, end: 0, found: 0 };
  for (let first = 0, last = 0; first < hits.length; first++) {
    const start = /** @type {{ place: number }} */ (hits[first]).place;
    while (
      last < hits.length &&
      /** @type {{ place: number }} */ (hits[last]).place + length <= start + reach
    )
      last++;
    const inside = hits.slice(first, last);
    const found = new Set(inside.map(({ seed }) => seed)).size;
    if (found > best.found) best = { start, end: (inside.at(-1)?.place ?? start) + length, found };
  }
  return seeds > 0 && best.found >= seeds * ENOUGH ? best : undefined;
};

/** Seeds end anywhere: to the ends of their words. @param {string} text @param {{ start: number, end: number, whole: boolean }} range */
const toWords = (text, { start, end, whole }) => {
  const [head] = /\S*$/.exec(text.slice(Math.max(0, start - MOST_WORD), start)) ?? [''];
  const [tail] = /^\S*/.exec(text.slice(end, end + MOST_WORD)) ?? [''];
  return { start: start - head.length, end: end + tail.length, whole };
};

/**
 * The range [start, end) of `text` where `passage` stands, whatever the white space; `whole` where every letter of it does.
 * Of several places the one between `before` and `after`, the words around it where it was read, else the one nearest to
 * `near`, a share of the text from 0 to 1.
 * @param {string} text
 * @param {{ passage: string, before?: string, after?: string, near?: number }} wanted
 * @returns {{ start: number, end: number, whole: boolean } | undefined}
 */
export const findPassage = (text, { passage, before = '', after = '', near = 0 }) => {
  const { letters, at } = squeeze(text);
  const [needle, head, tail] = [passage, before, after].map((part) => squeeze(part).letters);
  if (!needle) return undefined;
  const range = (/** @type {number} */ start, /** @type {number} */ end, whole = true) => ({
    start: at[start] ?? 0,
    end: (at[end - 1] ?? 0) + 1,
    whole,
  });
  for (const [left, right] of [
    [head, tail],
    [head, ''],
    ['', tail],
    ['', ''],
  ]) {
    const places = placesOf(letters, `${left}${needle}${right}`, 1000);
    const wanted = near * letters.length;
    const [nearest] = places.sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted));
    const skip = (left ?? '').length;
    if (nearest !== undefined) return range(nearest + skip, nearest + skip + needle.length);
  }
  const alike = mostAlike(letters, needle);
  return alike && toWords(text, range(alike.start, alike.end, false));
};
