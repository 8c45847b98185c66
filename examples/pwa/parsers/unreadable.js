// @ts-check
/**
 * Why a file cannot be read.
 * @typedef {'damaged' | 'empty' | 'kind' | 'locked' | 'pictures' | 'slow' | 'large' | 'parser'} Why
 */

/** @type {Record<Why, string>} */
const words = {
  damaged: 'is damaged, or not what its name says. Fetch it again, or choose another.',
  empty: 'has no text in it. Choose one with something to read.',
  kind: 'is of a kind that this shelf does not read. Plain text, Markdown, HTML, EPUB and PDF are read.',
  locked: 'is protected by a password or by copy protection. Choose one that is not.',
  pictures: 'holds pictures of pages and no text. Let a text recognition read it first.',
  slow: 'takes too long to take apart. Save it as plain text, or choose another.',
  large: 'is too large, or unpacks to too much. Choose a smaller one, or save it as plain text.',
  parser: 'needs a part of this page that could not be loaded. Go online once, and try again.',
};

/** A file that cannot be read, and what to do, in words. */
export class Unreadable extends Error {
  /** @param {Why} code @param {string} [detail] what exactly was found */
  constructor(code, detail) {
    super(detail ?? code);
    this.name = 'Unreadable';
    this.code = code;
  }
}

/** @param {string} file its name @param {Why} code */
export const inWords = (file, code) => `${file} ${words[code]}`;
