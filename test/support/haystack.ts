/** Passages of a book with statements hidden in them. */
import { type Draw, drawFact, type Fact, type Kind } from './facts.js';

/** Sentences of a book, each with the space that follows it. */
export const sentences = (book: string): string[] => book.match(/[^.!?\n]*[.!?\n]+["')]*\s*/g) ?? [];

/** What passages are cut from. `count` gives the tokens of a sentence. */
export interface Book {
  readonly sentences: readonly string[];
  count(sentence: string): number;
}

/** A text as passages are cut from it, its sentences counted in tokens; other texts are counted by their length. */
export const countedBook = async (
  text: string,
  tokenize: (text: string) => Promise<readonly number[]>,
): Promise<Book> => {
  const parts = sentences(text);
  const counts = new Map<string, number>();
  for (const part of parts) counts.set(part, (await tokenize(part)).length);
  return { sentences: parts, count: (other) => counts.get(other) ?? Math.ceil(other.length / 2.2) };
};

/** Sentences that follow one another, and how many tokens there are up to the end of each. */
export interface Passage {
  readonly sentences: readonly string[];
  readonly ends: readonly number[];
}

/** A passage from anywhere in the book, of as many sentences as have room in `tokens`. */
export const drawPassage = (d: Draw, { sentences, count }: Book, tokens: number): Passage => {
  const from = d.below(Math.max(1, sentences.length - Math.ceil(tokens / 8)));
  const chosen: string[] = [];
  const ends: number[] = [];
  for (let i = from, total = 0; total < tokens; i = (i + 1) % sentences.length) {
    const length = count(sentences[i]!);
    if (total + length > tokens) break;
    chosen.push(sentences[i]!);
    total += length;
    ends.push(total);
  }
  return { sentences: chosen, ends };
};

/** A statement and where it goes: 0 is the beginning of the passage, 1 its end. */
export interface Planted {
  readonly statement: string;
  readonly depth: number;
}

/** The passage with each statement behind the sentence that reaches its depth. */
export const plant = ({ sentences, ends }: Passage, planted: readonly Planted[]): string => {
  const total = ends.at(-1) ?? 0;
  const after = new Map<number, string>();
  for (const { statement, depth } of planted) {
    const reached = ends.findIndex((end) => end >= depth * total);
    const at = Math.max(0, reached);
    after.set(at, `${after.get(at) ?? ''}${statement} `);
  }
  return sentences
    .map((sentence, i) => sentence + (after.get(i) ?? ''))
    .join('')
    .trimEnd();
};

/** Tokens that these statements take in a text. */
export const tokensOf = ({ count }: Book, statements: readonly string[]): number =>
  statements.reduce((sum, statement) => sum + count(` ${statement}`), 0);

/** One depth for each of `count` statements: spread over the passage, each anywhere in its part of it. */
export const drawDepths = (d: Draw, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (i + 0.1 + 0.8 * d.number()) / count);

/** A text with facts in it, and how many tokens that makes. */
export interface Haystack {
  readonly text: string;
  readonly facts: readonly Fact[];
  readonly tokens: number;
}

/** Kinds whose values cannot be guessed from the book. */
const NEEDLE_KINDS: readonly Kind[] = ['number', 'magic', 'note', 'home'];

/** A haystack of about `tokens` tokens with `facts` facts at sentence ends, spread over all depths. */
export const drawHaystack = (d: Draw, book: Book, tokens: number, facts: number): Haystack => {
  const taken = new Set<string>();
  const hidden = Array.from({ length: facts }, (_, i) => {
    const fact = drawFact(d, NEEDLE_KINDS[(i + d.below(NEEDLE_KINDS.length)) % NEEDLE_KINDS.length]!, taken);
    taken.add(fact.about);
    return fact;
  });
  const statements = hidden.map(({ statement }) => statement);
  const passage = drawPassage(d, book, tokens - tokensOf(book, statements));
  if (d.number() >= 0.5) statements.reverse();
  const depths = drawDepths(d, facts);
  const planted = statements.map((statement, i) => ({ statement, depth: depths[i]! }));
  return { text: plant(passage, planted), facts: hidden, tokens };
};

/** Whether the answer states exactly the value. */
export const isRight = (answer: string, value: string): boolean =>
  new RegExp(`(^|[^\\p{L}\\p{N}])${value}($|[^\\p{L}\\p{N}])`, 'u').test(answer);
