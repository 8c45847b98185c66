/** The end of a sentence or a line, with the quotes, brackets and spaces that may follow it. */
const SENTENCE_END =
  /[.!?\n\r\u3002\uff01\uff1f\uff0e\u2026]["'\u2018\u2019\u201c\u201d\u00bb\u203a)\]}\u300d\u300f\uff09\u3011\s]*$/u;

/** Whether a text ends a sentence or a line. */
export const endsSentence = (text: string): boolean => SENTENCE_END.test(text);
