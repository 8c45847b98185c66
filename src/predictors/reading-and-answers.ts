import { MOST_REUSE } from '../backends/backend.js';
import { dense } from './dense.js';
import { dhsa } from './dhsa.js';
import type { DhsaOptions } from './dhsa-options.js';
import { type Needs, type Predictor, readsOf } from './predictor.js';

/** How a text is read by a method that is made for questions and answers. */
export interface ReadingOptions {
  /** Tiles of a text read everything, or what `dhsa` chooses. Default `dense`. */
  readonly reading?: 'dense' | 'dhsa';
}

export const READINGS = ['dense', 'dhsa'] as const;

/** A budget of 0 is none: a share alone was given. */
const budgeted = ({ budget, ...rest }: Omit<DhsaOptions, 'method'>): DhsaOptions => ({
  method: 'dhsa',
  ...rest,
  ...(budget && { budget }),
});

/** What reads the text, with the budget of what answers. */
export const readerOf = (reading: 'dense' | 'dhsa', options: Omit<DhsaOptions, 'method'>): Predictor => {
  if (reading === 'dense') return dense({ method: 'dense' });
  const whole = dhsa(budgeted(options));
  return { ...whole, needs: { ...whole.needs, chunks: { ...whole.needs.chunks!, sketches: false } } };
};

/** How rows of questions and answers read where a method is made for texts. */
export interface AnswersOptions {
  /** They read everything, as in the papers, or what `dhsa` chooses with the same budget. Default `dense`. */
  readonly answers?: 'dense' | 'dhsa';
}

/** What answers, with the budget of what reads. */
export const answererOf = (answers: 'dense' | 'dhsa', options: Omit<DhsaOptions, 'method'>): Predictor => {
  if (answers === 'dense') return dense({ method: 'dense' });
  const whole = dhsa(budgeted(options));
  return { ...whole, needs: { ...whole.needs, chunks: { ...whole.needs.chunks!, means: false } } };
};

/** What is noted of a text, in canonical form: it is stored with its pages. */
const notesOf = ({ boundaries, means, sketches, bounds }: NonNullable<Needs['chunks']>): string =>
  JSON.stringify([Object.entries(boundaries).sort(), means, sketches, bounds]);

/**
 * Two methods as one: `reading` plans the tiles of a text, `answers` the rows that ask for themselves. Chunks are cut where
 * `reading` has them cut, if it needs any; name and lists are those of `named`, by default of `answers`.
 */
export const readingAndAnswers = (
  reading: Predictor,
  answers: Predictor,
  named: Predictor = answers,
): Predictor => {
  const [text, rows] = [reading.needs, answers.needs];
  const summaries = (text.chunks ?? rows.chunks) && {
    boundaries: (text.chunks ?? rows.chunks)!.boundaries,
    means: (text.chunks?.means || rows.chunks?.means) ?? false,
    sketches: (text.chunks?.sketches || rows.chunks?.sketches) ?? false,
    bounds: (text.chunks?.bounds || rows.chunks?.bounds) ?? false,
  };
  const signature =
    named === answers
      ? `${answers.signature} reading=(${reading.signature})`
      : `${reading.signature} answers=(${answers.signature})`;
  return {
    name: named.name,
    needs: {
      ...rows,
      lists: named.needs.lists,
      ...(summaries && { chunks: summaries }),
      candidates: text.candidates || rows.candidates,
      wholeContext: (text.wholeContext || rows.wholeContext) ?? false,
      host: (text.host || rows.host) ?? false,
      prefixStable: text.prefixStable && rows.prefixStable,
    },
    ...(answers.counts && { counts: answers.counts }),
    ...(answers.notes && { notes: answers.notes }),
    signature,
    reads: readsOf(reading) + (summaries ? ` notes=${notesOf(summaries)}` : ''),
    plan: (backend, input, out) =>
      (input.tiles.tileRows > MOST_REUSE ? reading : answers).plan(backend, input, out),
  };
};
