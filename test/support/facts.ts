/**
 * Facts and questions about them: the forms the bundled model was trained on (examples/models/train/tasks.py), drawn from
 * seeds of our own. Shared by the tests and the bench.
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

const number = (d: Draw, who = person(d), thing = `${d.of(ADJECTIVES)} ${d.of(THINGS)}`) => {
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
};

const makers: Record<Kind, (d: Draw) => Omit<Fact, 'kind'>> = {
  number: (d) => number(d),
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
export const drawFact = (d: Draw, kind: Kind, taken: ReadonlySet<string> = new Set()): Fact => {
  for (;;) {
    const fact = { kind, ...makers[kind](d) };
    if (!taken.has(fact.about)) return fact;
  }
};

/** Numbers whose keys share most of their words: of one person, of people of one first or last name, or of one thing. */
export const drawSimilar = (d: Draw, count: number): Fact[] => {
  const [first, last] = [d.of(FIRST), d.of(LAST)];
  const thing = `${d.of(ADJECTIVES)} ${d.of(THINGS)}`;
  const one = d.of([
    () => number(d, `${first} ${last}`),
    () => number(d, `${first} ${d.of(LAST)}`, thing),
    () => number(d, `${d.of(FIRST)} ${last}`, thing),
    () => number(d, undefined, thing),
  ]);
  const found = new Map<string, Fact>();
  while (found.size < count) {
    const fact = { kind: 'number' as const, ...one() };
    if (!found.has(fact.about)) found.set(fact.about, fact);
  }
  return [...found.values()];
};

/** Three things about one person in one place, in any order, and a question about one of them. */
export const drawPortrait = (d: Draw): Omit<Fact, 'kind'> => {
  const who = person(d);
  const [city, job, food] = [d.of(CITIES), d.of(JOBS), d.of(FOODS)];
  const told = [
    { statement: `${who} lives in ${city}.`, question: `Where does ${who} live?`, value: city },
    { statement: `${who} works as a ${job}.`, question: `What is the job of ${who}?`, value: job },
    {
      statement: `The favourite food of ${who} is ${food}.`,
      question: `What does ${who} like to eat?`,
      value: food,
    },
  ];
  const turn = d.below(told.length);
  const inTurn = [...told.slice(turn), ...told.slice(0, turn)];
  const { question, value } = d.of(told);
  return { about: who, statement: inTurn.map(({ statement }) => statement).join(' '), question, value };
};

/** Variables of which the first has a value and each other that of the one before it; the last one is asked. */
export interface Chain {
  readonly statements: readonly string[];
  readonly question: string;
  readonly value: string;
}

export const drawChain = (d: Draw, links: number): Chain => {
  const names = new Set<string>();
  const letters = [...'ABCDEFGHJKLMNPQRSTUVWXYZ'];
  while (names.size < links) names.add(`VAR ${Array.from({ length: 4 }, () => d.of(letters)).join('')}`);
  const value = Array.from({ length: 5 }, () => d.below(10)).join('');
  const list = [...names];
  return {
    statements: list.map((name, i) => `${name} = ${list[i - 1] ?? value}.`),
    question: `What is the value of ${list.at(-1)}?`,
    value,
  };
};
