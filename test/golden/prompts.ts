/** What the bundled model is asked: passages of the bundled book, with a fact hidden in them and a question about it. */
export interface Prompt {
  readonly name: string;
  readonly text: string;
}

/** Sentences of the book from the first that starts at or after character `from`, `characters` long or a little more. */
const passage = (book: string, from: number, characters: number): string => {
  const start = book.indexOf('. ', from) + 2;
  return book.slice(start, book.indexOf('. ', start + characters) + 1);
};

const needle = (name: string, text: string, depth: number, fact: string, question: string): Prompt => {
  const at = text.indexOf('. ', text.length * depth) + 1;
  const hidden = `${text.slice(0, at)} ${fact}${text.slice(at)}`;
  return {
    name,
    text: `<|im_start|>user\n${hidden}\n${question}<|im_end|>\n<|im_start|>assistant\n`,
  };
};

export const prompts = (book: string): readonly Prompt[] => [
  needle(
    'key',
    passage(book, 50_000, 700),
    0.4,
    'The brass key is hidden in the lighthouse.',
    'Where is the brass key?',
  ),
  needle(
    'number',
    passage(book, 120_000, 2_000),
    0.2,
    'The special magic number for Lisbon is 48213.',
    'What is the special magic number for Lisbon?',
  ),
  needle(
    'value',
    passage(book, 300_000, 4_000),
    0.7,
    'The value of nora is 4711.',
    'What is the value of nora?',
  ),
  { name: 'story', text: passage(book, 200_000, 1_500) },
];
