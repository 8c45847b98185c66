import type { ContextStats } from '../../src/engine/engine.js';
import { type OpenContext, openSession } from '../../src/engine/open-context.js';
import { type OpenModel, openModel } from '../../src/engine/open-model.js';
import { openArchive } from '../../src/kv/archive.js';
import { fingerprintOf } from '../../src/kv/segments.js';
import type { Store } from '../../src/stores/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

/** A model of random weights, small enough to be asked hundreds of times, with DHSA. */
export const openSmall = (): Promise<OpenModel> =>
  openModel(
    randomModel({ architecture: 'llama', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 5, layers: 4 }),
    { kernelsUrl, threads: 1, attention: { method: 'dhsa', budget: 192 }, kv: { store: 'none' } },
    new AbortController().signal,
    () => undefined,
  );

/** The model over a store of one's own, as after a reload. Two layers to a record. */
export const over = async (model: OpenModel, store: Store): Promise<OpenModel> => {
  const sample = await openSession(model, {});
  const { pageBytes } = sample.context;
  await sample.close();
  const archive = await openArchive(store, {
    fingerprint: fingerprintOf(model.provenance),
    segmentTokens: model.reader.arena.segmentTokens,
    pageBytes,
    recordBytes: 70_000,
    batchBytes: 50_000,
  });
  return { ...model, kept: { archive, store } };
};

const words =
  'the lighthouse keeper stairs lamp sea winter storm old people nothing lost returns shore'.split(' ');
const { below } = random(3);
export const TEXT = Array.from({ length: 380 }, () => words[below(words.length)]).join(' ');

export const ask = async (session: OpenContext, question: string, goOn = false): Promise<string> => {
  let answer = '';
  const settings = { maxTokens: 5, temperature: 0, ignoreStops: true, continue: goOn };
  await session.conversation!.ask(question, settings, {}, (text) => (answer += text));
  return answer;
};

export interface Visited {
  readonly answers: readonly string[];
  readonly resumedTokens: number;
  /** Before the questions: with those of a conversation that was kept. */
  readonly tokens: number;
  readonly stats: ContextStats;
}

/** Opens session 'book', reads the text if it does not know it, and asks about the text; then goes on, if asked to. */
export const visit = async (model: OpenModel, goesOn: boolean): Promise<Visited> => {
  const session = await openSession(model, { id: 'book' });
  try {
    const resumedTokens = session.context.tokens.length;
    await session.conversation!.append(TEXT, {});
    const { length: tokens } = session.context.tokens;
    const answers = [await ask(session, 'Where is the lamp?')];
    if (goesOn) answers.push(await ask(session, 'Who keeps the sea?', true));
    return { answers, resumedTokens, tokens, stats: await session.stats() };
  } finally {
    await session.close();
  }
};
