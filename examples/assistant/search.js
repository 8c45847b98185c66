// @ts-check
// Finds passages by their words: rare ones count more, and all of them most.

/** Longest passage, in characters, and how many are told. */
const LONGEST = 420;
const MOST = 3;

const wordsOf = (/** @type {string} */ text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Paragraphs, long ones cut between sentences. @param {string} text */
export const passagesOf = (text) =>
  text.split(/\n\s*\n/).flatMap((paragraph) => {
    /** @type {string[]} */
    const passages = [];
    for (const sentence of paragraph.replace(/\s+/g, ' ').match(/[^.!?]+[.!?]*\s*|[.!?]+\s*/g) ?? []) {
      const last = passages.at(-1);
      if (last !== undefined && last.length + sentence.length <= LONGEST) {
        passages[passages.length - 1] = last + sentence;
      } else passages.push(sentence.slice(0, LONGEST));
    }
    return passages.map((passage) => passage.trim()).filter((passage) => passage !== '');
  });

/**
 * @param {readonly { name: string, words: string }[]} texts @param {string} query
 * @returns {{ name: string, passage: string }[]} best first
 */
export const search = (texts, query) => {
  const wanted = [...new Set(wordsOf(query))];
  const all = texts.flatMap(({ name, words }) =>
    passagesOf(words).map((passage) => ({ name, passage, has: new Set(wordsOf(passage)) })),
  );
  const weight = new Map(
    wanted.map((word) => [
      word,
      Math.log(1 + all.length / (all.filter(({ has }) => has.has(word)).length || 1)),
    ]),
  );
  return all
    .map((one) => ({
      ...one,
      score: wanted.reduce((sum, word) => sum + (one.has.has(word) ? (weight.get(word) ?? 0) : 0), 0),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.passage.length - b.passage.length)
    .slice(0, MOST)
    .map(({ name, passage }) => ({ name, passage }));
};
