import { readFileSync } from 'node:fs';
import { type Book, sentences } from '../../test/support/haystack.js';

let known: Promise<Book> | undefined;

/** The book that the bundled model never saw, its sentences counted in the tokens of the first model that asks. */
export const heldOut = (tokenize: (text: string) => Promise<readonly number[]>): Promise<Book> => {
  known ??= (async () => {
    const parts = sentences(readFileSync('examples/books/sherlock.txt', 'utf8'));
    const counts = new Map<string, number>();
    for (const part of parts) counts.set(part, (await tokenize(part)).length);
    return { sentences: parts, count: (text) => counts.get(text) ?? Math.ceil(text.length / 2.2) };
  })();
  return known;
};
