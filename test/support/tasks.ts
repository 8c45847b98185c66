/**
 * Facts hidden in a haystack, then questions about them: the forms the bundled model was trained on, drawn from seeds
 * of our own. Shared by the tests and the bench.
 */
import { uniform } from '../../src/generate/sample.js';
import { ADJECTIVES, CITIES, FIRST, FOODS, JOBS, LAST, OBJECTS, PLACES, THINGS } from './task-words.js';

export type Kind = 'number' | 'magic' | 'note' | 'home' | 'place' | 'food' | 'job';

export interface Fact {
  readonly kind: Kind;
  /** What it is about; two facts of a document never share it. */
  readonly about: string;
  readonly statement: string;
  readonly question: string;
  /** Exactly this must stand in the answer. */
  readonly value: string;
}

export interface Draw {
  number(): number;
  below(n: number): number;
  of<T>(list: readonly T[]): T;
}

export const draws = (seed: number): Draw => {
  const number = uniform(seed);
  const below = (n: number): number => Math.floor(number() * n);
  return { number, below, of: (list) => list[below(list.length)]! };
};

const digits = (d: Draw): string => Array.from({ length: d.of([4, 5, 6, 7]) }, () => d.below(10)).join('');
const person = (d: Draw): string => `${d.of(FIRST)} ${d.of(LAST)}`;
const word = (d: Draw, syllables: number): string =>
  Array.from({ length: syllables }, () => d.of([...'bcdfghjklmnprstvz']) + d.of([...'aeiou'])).join('') +
  d.of(['', 'n', 'r', 's', 'x']);

const makers: Record<Kind, (d: Draw) => Omit<Fact, 'kind'>> = {
  number: (d) => {
    const who = person(d);
    const thing = `${d.of(ADJECTIVES)} ${d.of(THINGS)}`;
    const value = digits(d);
    return {
      about: `${thing} ${who}`,
      statement: d.of([
        `The ${thing} of ${who} is ${value}.`,
        `Remember that the ${thing} of ${who} is ${value}.`,
        `${who} wrote down the ${thing}: ${value}.`,
      ]),
      question: `What is the ${thing} of ${who}?`,
      value,
    };
  },
  magic: (d) => {
    const city = d.of(CITIES);
    const value = digits(d);
    return {
      about: city,
      statement: d.of([
        `One of the special magic numbers for ${city} is: ${value}.`,
        `The special magic number for ${city} is ${value}.`,
        `The magic number of ${city} is ${value}.`,
      ]),
      question: d.of([
        `What is the special magic number for ${city}?`,
        `What is the magic number of ${city}?`,
      ]),
      value,
    };
  },
  note: (d) => {
    const key = word(d, d.of([2, 3]));
    const value = d.below(3) === 0 ? digits(d) : d.below(2) === 0 ? word(d, 3) : d.of(CITIES);
    return {
      about: key,
      statement: d.of([
        `The value of ${key} is ${value}.`,
        `Note: ${key} = ${value}.`,
        `The key ${key} opens ${value}.`,
      ]),
      question: d.of([
        `What is the value of ${key}?`,
        `What does the note say about ${key}?`,
        `What is ${key}?`,
      ]),
      value,
    };
  },
  home: (d) => {
    const who = person(d);
    const value = d.of(CITIES);
    return {
      about: who,
      statement: d.of([
        `${who} lives in ${value}.`,
        `${who} moved to ${value} last year.`,
        `The home of ${who} is in ${value}.`,
      ]),
      question: `Where does ${who} live?`,
      value,
    };
  },
  place: (d) => {
    const thing = d.of(OBJECTS);
    const value = d.of(PLACES);
    return {
      about: thing,
      statement: d.of([
        `The ${thing} is hidden in the ${value}.`,
        `Somebody left the ${thing} in the ${value}.`,
        `You can find the ${thing} in the ${value}.`,
      ]),
      question: `Where is the ${thing}?`,
      value,
    };
  },
  food: (d) => {
    const who = person(d);
    const value = d.of(FOODS);
    return {
      about: who,
      statement: d.of([`${who} loves to eat ${value}.`, `The favourite food of ${who} is ${value}.`]),
      question: `What does ${who} like to eat?`,
      value,
    };
  },
  job: (d) => {
    const who = person(d);
    const value = d.of(JOBS);
    return {
      about: who,
      statement: d.of([`${who} works as a ${value}.`, `The profession of ${who} is ${value}.`]),
      question: `What is the job of ${who}?`,
      value,
    };
  },
};

/** A fact of this kind that is about none of `taken`. */
const drawFact = (d: Draw, kind: Kind, taken: ReadonlySet<string> = new Set()): Fact => {
  for (;;) {
    const fact = { kind, ...makers[kind](d) };
    if (!taken.has(fact.about)) return fact;
  }
};

/** Sentences of a book, each with the space that follows it. */
export const sentences = (book: string): string[] => book.match(/[^.!?\n]*[.!?\n]+["')]*\s*/g) ?? [];

/** A text with facts in it, and how many tokens that makes. */
export interface Haystack {
  readonly text: string;
  readonly facts: readonly Fact[];
  readonly tokens: number;
}

/** Kinds whose values cannot be guessed from the book. */
const NEEDLE_KINDS: readonly Kind[] = ['number', 'magic', 'note', 'home'];

/**
 * A haystack of about `tokens` tokens cut from the book at random, with `facts` facts at sentence ends, spread over
 * all depths. `count` gives the tokens of a sentence.
 */
export const drawHaystack = (
  d: Draw,
  book: readonly string[],
  count: (sentence: string) => number,
  tokens: number,
  facts: number,
): Haystack => {
  const taken = new Set<string>();
  const hidden = Array.from({ length: facts }, (_, i) => {
    const fact = drawFact(d, NEEDLE_KINDS[(i + d.below(NEEDLE_KINDS.length)) % NEEDLE_KINDS.length]!, taken);
    taken.add(fact.about);
    return fact;
  });
  const room = tokens - hidden.reduce((sum, fact) => sum + count(` ${fact.statement}`), 0);
  const from = d.below(Math.max(1, book.length - Math.ceil(room / 8)));
  const chosen: string[] = [];
  const ends: number[] = [];
  let total = 0;
  for (let i = from; total < room; i = (i + 1) % book.length) {
    const length = count(book[i]!);
    if (total + length > room) break;
    chosen.push(book[i]!);
    total += length;
    ends.push(total);
  }
  const order = d.number() < 0.5 ? [...hidden] : [...hidden].reverse();
  const after = new Map<number, Fact[]>();
  order.forEach((fact, i) => {
    const depth = ((i + 0.1 + 0.8 * d.number()) / facts) * total;
    const at = Math.max(
      0,
      ends.findIndex((end) => end >= depth),
    );
    after.set(at, [...(after.get(at) ?? []), fact]);
  });
  const text = chosen
    .map((sentence, i) => sentence + (after.get(i) ?? []).map((fact) => `${fact.statement} `).join(''))
    .join('');
  return { text: text.trimEnd(), facts: hidden, tokens };
};

/** Whether the answer states exactly the value. */
export const isRight = (answer: string, value: string): boolean =>
  new RegExp(`(^|[^\\p{L}\\p{N}])${value}($|[^\\p{L}\\p{N}])`, 'u').test(answer);
