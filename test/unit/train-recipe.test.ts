import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openMetadata } from '../support/open-metadata.js';
import * as words from '../support/task-words.js';

const recipe = (file: string): string =>
  readFileSync(new URL(`../../examples/models/train/${file}`, import.meta.url), 'utf8');

test('the recipe has the tokens of the bundled model', async () => {
  const learned = JSON.parse(recipe('tokenizer.json'));
  const metadata = await openMetadata('examples/models/book-reader-5m-Q8_0.gguf');
  expect([...metadata.strings('tokenizer.ggml.tokens')]).toEqual(learned.vocab);
  expect([...metadata.strings('tokenizer.ggml.merges')]).toEqual(
    learned.merges.map((pair: string[]) => pair.join(' ')),
  );
});

test('what is measured is made of the words that were learned from', () => {
  const lists = Object.fromEntries(
    [...recipe('words.py').matchAll(/^(\w+) = \(?\s*([^=]*?)\)?\.split\(("\|")?\)/gms)].map(
      ([, name, written, bars]) => [
        name,
        [...written!.matchAll(/"([^"]*)"/g)]
          .map(([, piece]) => piece)
          .join('')
          .split(bars ? '|' : ' '),
      ],
    ),
  );
  expect(lists).toEqual({ ...words });
});
