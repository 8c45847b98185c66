/** What is called in a place to time a text that was read before. */
import type { EngineOptions } from '../../src/engine/options.js';
import type { Model } from '../../src/loaded-model.js';
import type { Place } from './place.js';

export interface Visit {
  readonly engine: string;
  readonly model: string;
  readonly options: EngineOptions;
  /** The session's name; a bare one is not kept. */
  readonly id?: string;
  /** Where the text is, and how many tokens of it are read: none on a visit that only asks. */
  readonly book?: string;
  readonly tokens?: number;
  readonly question: string;
  readonly answer: number;
}

export interface Visited {
  /** Seconds to read the text; 0 where it was there. */
  readonly reading: number;
  /** Seconds from the call of `session` to the first streamed piece of the answer, on an open model. */
  readonly first: number;
  /** Seconds to read and to have everything stored. */
  readonly kept: number;
  readonly text: number;
  readonly stats: Awaited<ReturnType<Awaited<ReturnType<Model['session']>>['stats']>>;
}

/** Uses nothing from outside itself. */
const visit = async (input: Visit): Promise<Visited> => {
  const { engine, model: path, options, id, book, tokens, question, answer } = input;
  const { load } = await import(engine);
  const model: Model = await load(path, options);
  try {
    let text = '';
    if (book && tokens) {
      const whole = book.startsWith('http')
        ? await (await fetch(book)).text()
        : await import('node:fs').then(({ readFileSync }) => readFileSync(book, 'utf8'));
      if (!whole) throw new Error(`${book} is empty, or is not served.`);
      const piece = whole.slice(0, tokens * 2);
      text = piece.slice(0, Math.floor((piece.length * tokens) / (await model.tokenize(piece)).length));
    }
    const seconds = (): number => performance.now() / 1000;
    const opening = seconds();
    const session = await model.session(id === undefined ? {} : { id });
    const started = seconds();
    if (text) await session.append(text);
    const reading = text ? seconds() - started : 0;
    const { tokens: read } = await session.stats();
    let first = 0;
    for await (const _ of session.ask(question, { maxTokens: answer, ignoreStops: true, temperature: 0 })) {
      first ||= seconds() - opening;
    }
    const stats = await session.stats();
    await session.close();
    const kept = text ? seconds() - started : 0;
    return { reading, first, kept, text: read, stats };
  } finally {
    await model.close();
  }
};

export const visitIn = (
  place: Place,
  path: string,
  how: Omit<Visit, 'engine' | 'model' | 'book'>,
): Promise<Visited> =>
  place.call(visit, {
    engine: place.engine,
    model: place.at(path),
    ...how,
    ...(how.tokens && { book: place.at('examples/books/sherlock.txt') }),
  });
