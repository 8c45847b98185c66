// @ts-check
/** Where the sentence nearest behind a depth begins, as an index into the text. */
export const placeAt = (/** @type {string} */ text, /** @type {number} */ depth) => {
  const at = text.indexOf('. ', Math.floor(depth * text.length)) + 2;
  return at < 2 ? text.length : at;
};

/** The text with a statement at the end of the sentence nearest to its depth. */
export const hideAt = (
  /** @type {string} */ text,
  /** @type {number} */ depth,
  /** @type {string} */ statement,
) => {
  const at = placeAt(text, depth);
  return at === text.length ? `${text} ${statement}` : `${text.slice(0, at)}${statement} ${text.slice(at)}`;
};
