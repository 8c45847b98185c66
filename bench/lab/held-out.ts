import { readFileSync } from 'node:fs';
import { type Book, countedBook } from '../../test/support/haystack.js';

let known: Promise<Book> | undefined;

/** The book that the bundled model never saw, its sentences counted in the tokens of the first model that asks. */
export const heldOut = (tokenize: (text: string) => Promise<readonly number[]>): Promise<Book> => {
  known ??= countedBook(readFileSync('examples/books/sherlock.txt', 'utf8'), tokenize);
  return known;
};
