/** What is asked of a long text, in the manner of RULER (arXiv 2404.06654): generators of our own, drawn by seed. */
import { type Draw, drawChain, drawFact, drawPortrait, drawSimilar } from '../../test/support/facts.js';
import {
  type Book,
  drawDepths,
  drawHaystack,
  drawPassage,
  plant,
  tokensOf,
} from '../../test/support/haystack.js';

/** All of `values` must stand in the answer. */
export interface Question {
  readonly ask: string;
  readonly values: readonly string[];
  /** Where in the text the answer stands, 0 to 1, if in one place. */
  readonly depth?: number;
}

/** A text and its questions: each asked of the text alone, or one after the other in a conversation. */
export interface Item {
  readonly text: string;
  readonly questions: readonly Question[];
  readonly conversation: boolean;
}

export interface Task {
  readonly about: string;
  /** Questions of a text. */
  readonly questions: number;
  draw(d: Draw, book: Book, tokens: number): Item;
}

/** Statements at depths that are spread over the passage, in their order. */
const hide = (d: Draw, book: Book, tokens: number, statements: readonly string[]): string => {
  const passage = drawPassage(d, book, tokens - tokensOf(book, statements));
  const depths = drawDepths(d, statements.length);
  return plant(
    passage,
    statements.map((statement, i) => ({ statement, depth: depths[i]! })),
  );
};

const shuffled = <T>(d: Draw, list: readonly T[]): T[] => {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = d.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
};

/** Texts with as many single facts as are asked. */
const facts =
  (count: number, conversation: boolean) =>
  (d: Draw, book: Book, tokens: number): Item => {
    const { text, facts } = drawHaystack(d, book, tokens, count);
    const questions = facts.map(({ question, value, statement }) => ({
      ...{ ask: question, values: [value], depth: text.indexOf(statement) / text.length },
    }));
    return { text, questions, conversation };
  };

const MANY = 8;

/** Chains whose links stand among one another, each in its order. */
const chains =
  (count: number, links: number) =>
  (d: Draw, book: Book, tokens: number): Item => {
    const drawn = Array.from({ length: count }, () => drawChain(d, links));
    const turns = shuffled(
      d,
      drawn.flatMap((_, i) => Array<number>(links).fill(i)),
    );
    const next = drawn.map(({ statements }) => statements.values());
    const statements = turns.map((i) => next[i]!.next().value as string);
    return {
      text: hide(d, book, tokens, statements),
      questions: drawn.map(({ question, value }) => ({ ask: question, values: [value] })),
      conversation: false,
    };
  };

/** Words of the book in lots; three of them come more often than all the others. */
const commonWords = (d: Draw, book: Book, tokens: number): Item => {
  const words = new Set(book.sentences.slice(0, 2000).flatMap((part) => part.match(/\b[a-z]{4,9}\b/g) ?? []));
  const lots = shuffled(d, [...words]);
  const common = lots.slice(0, 3);
  const [often, seldom] = [10, 2];
  const list: string[] = common.flatMap((one) => Array<string>(often).fill(one));
  let total = tokensOf(book, list);
  for (const one of lots.slice(3)) {
    const length = seldom * tokensOf(book, [one]);
    if (total + length > tokens) break;
    list.push(...Array<string>(seldom).fill(one));
    total += length;
  }
  return {
    text: shuffled(d, list).join(' '),
    questions: [{ ask: 'Which three words are the most frequent in the list above?', values: common }],
    conversation: false,
  };
};

/** Portraits of several people in the book; one thing is asked of each. */
const portraits = (d: Draw, book: Book, tokens: number): Item => {
  const drawn = Array.from({ length: MANY }, () => drawPortrait(d));
  return {
    text: hide(
      d,
      book,
      tokens,
      drawn.map(({ statement }) => statement),
    ),
    questions: drawn.map(({ question, value }) => ({ ask: question, values: [value] })),
    conversation: false,
  };
};

const tasks: Readonly<Record<string, Task>> = {
  single: { about: 'ten facts, each asked by itself', questions: 10, draw: facts(10, false) },
  'single-20': { about: 'twenty facts, likewise: for long texts', questions: 20, draw: facts(20, false) },
  turns: {
    about: 'four facts, asked one after the other in a conversation',
    questions: 4,
    draw: facts(4, true),
  },
  'multi-key': {
    about: `${MANY} numbers whose keys share most of their words, each asked by itself`,
    questions: MANY,
    draw(d, book, tokens) {
      const drawn = drawSimilar(d, MANY);
      const statements = shuffled(
        d,
        drawn.map(({ statement }) => statement),
      );
      return {
        text: hide(d, book, tokens, statements),
        questions: drawn.map(({ question, value }) => ({ ask: question, values: [value] })),
        conversation: false,
      };
    },
  },
  'two-hop': { about: 'four variables that are given another one’s value', questions: 4, draw: chains(4, 2) },
  'three-hop': { about: 'four chains of three variables', questions: 4, draw: chains(4, 3) },
  'multi-query': {
    about: 'two numbers, asked in one question',
    questions: 1,
    draw(d, book, tokens) {
      const one = drawFact(d, 'number');
      const other = drawFact(d, 'number', new Set([one.about]));
      return {
        text: hide(d, book, tokens, [one.statement, other.statement]),
        questions: [{ ask: `${one.question} ${other.question}`, values: [one.value, other.value] }],
        conversation: false,
      };
    },
  },
  portraits: {
    about: `${MANY} people, of whom three things each are told in one place, one of them asked`,
    questions: MANY,
    draw: portraits,
  },
  'common-words': {
    about: 'a list of words, three of them five times as frequent as the others',
    questions: 1,
    draw: commonWords,
  },
  'multi-value': {
    about: 'one key with three values, all to be named',
    questions: 1,
    draw(d, book, tokens) {
      const [one] = drawSimilar(d, 1);
      const values = Array.from({ length: 3 }, () => String(10_000 + d.below(90_000)));
      const key = one!.about;
      return {
        text: hide(
          d,
          book,
          tokens,
          values.map((value) => `One of the numbers for the ${key} is ${value}.`),
        ),
        questions: [{ ask: `What are all the numbers for the ${key}?`, values }],
        conversation: false,
      };
    },
  },
};

export const taskNamed = (name: string): Task => {
  const known = tasks[name];
  if (!known) throw new Error(`Unknown task ${name}. Tasks: ${Object.keys(tasks).join(', ')}.`);
  return known;
};
