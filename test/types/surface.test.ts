/** Compiled, not run: what must type-check does, and what must not fails (`@ts-expect-error`). */
import { expect, test } from 'vitest';
import type {
  Answer,
  AttentionOptions,
  Context,
  ErrorCode,
  ExportedSession,
  ImportedSession,
  load,
  Model,
  Session,
  SessionProbe,
  StoredSession,
  TextProbe,
} from '../../src/index.js';

const compiles = async (model: Model, loadModel: typeof load): Promise<void> => {
  const loaded: Model = await loadModel('/models/book-reader.gguf', {
    onProgress: (p) => p.loaded / p.total,
    attention: { method: 'dhsa', budget: 2048, boundaries: 'delimiters' },
    kv: { keys: 'q8', values: 'q2', store: 'idb', disk: '2GB' },
    backend: 'auto',
    maxTokens: 16384,
    worker: new Worker('x'),
  });
  await loadModel(new Blob(), { kv: { disk: 2e9 } });
  await loadModel(new Uint8Array(3), { attention: { method: 'sliding', window: 100 } });
  const session: Session = await loaded.session({ id: 'sherlock', system: 'Answer from the book.' });
  await session.append('text', { signal: new AbortController().signal });
  const answer: Answer = session.ask('Where?', { temperature: 0.7, topP: 0.9, stop: ['\n'], continue: true });
  for await (const piece of answer) piece.toUpperCase();
  for await (const thought of session.ask('Why?', { reasoning: true }).reasoning) thought.toUpperCase();
  const thoughts: string = await answer.reasoning.text();
  const { reason, answerTokens, reasoning } = await answer.finish;
  const thoughtThrough: boolean | undefined = reasoning?.finished;
  const ended: 'stop' | 'length' | 'window' = reason;
  const reader: Session = await model.session({ id: 'sherlock', readOnly: true });
  const patient: Session = await model.session({
    id: 'sherlock',
    wait: true,
    signal: AbortSignal.timeout(9),
  });
  await model.renameSession('sherlock', 'A Study in Scarlet');
  await model.cloneSession('sherlock', { id: 'copy', title: 'My notes' });
  const { file, restorableTokens }: ExportedSession = await model.exportSession('copy', {
    onProgress: (p) => p.total,
  });
  const { reason: because }: ImportedSession = await model.importSession(file, { id: 'third' });
  const [{ bytes, restores, problem }] = (await model.sessions()) as [StoredSession];
  const { opens, reason: lacking }: SessionProbe = await model.probeSession('copy');
  void [opens, lacking];
  const {
    restorableTokens: stored,
    cause,
    made,
    differsAt,
  }: TextProbe = await model.probe('text', { system: 'Be brief.' });
  const stopped: 'end' | 'unread' | 'evicted' | 'damaged' | 'lost' | 'made' | 'tokens' | 'unshared' = cause;
  const otherwise: string | undefined = made?.[0]?.found;
  await model.probe(new Uint32Array(3), { signal: AbortSignal.timeout(9) });
  void [stored, stopped, otherwise, differsAt];
  const state: 'pages' | 'tokens' | 'nothing' = restores;
  const promised: 'yes' | 'no' | 'unknown' = (await session.stats()).persisted;
  void [reader, patient, restorableTokens, because, bytes.own, bytes.shared, state, problem, promised];
  const context: Context = await model.context();
  await context.append([1, 2]);
  await context.append(new Int32Array(3));
  const logits: Float32Array = await context.logits();
  const ids: number[] = await context.generate({ maxTokens: 3, temperature: 0 });
  const { ids: sampled, logprobs } = await context.generate({ logprobs: 2, logitBias: { 7: -100 } });
  const likeliest: number | undefined = logprobs[0]?.top[0]?.logprob;
  const [said] = await session.messages();
  const role: 'user' | 'assistant' | 'tool' | undefined = said?.role;
  const measured: number = await session.measure([
    { question: 'Who?', answer: 'She.' },
    { question: 'Why?' },
  ]);
  const copy: Session = await session.clone({ id: 'second', signal: AbortSignal.timeout(9) });
  await copy.rewind(2);
  session.ask('', { begin: 'It was ', pattern: /.*/ });
  const [best] = await session.rank(['a', 'b'], 'Who?', {
    layers: [0, 2],
    rows: 8,
    signal: AbortSignal.timeout(9),
  });
  const place: number | undefined = best?.document;
  const kept: readonly string[] = (await session.sift('a', 'Who?', { keep: 64 })).sentences;
  void [role, measured, place, kept];
  const [range] = await context.plan({ layer: 0, head: 0 });
  const start: number | undefined = range?.[0];
  const density: number = (await context.stats()).density.prefill;
  void [thoughts, thoughtThrough, ended, answerTokens, logits, ids, sampled, likeliest, start, density];
};

const mustFail = async (model: Model, session: Session, loadModel: typeof load): Promise<void> => {
  // @ts-expect-error a source is needed
  await loadModel();
  // @ts-expect-error no such backend
  await loadModel('m', { backend: 'cuda' });
  // @ts-expect-error no such method
  await loadModel('m', { attention: { method: 'magic' } });
  // @ts-expect-error dense has no budget
  await loadModel('m', { attention: { method: 'dense', budget: 3 } });
  // @ts-expect-error keys are not stored in two bits
  await loadModel('m', { kv: { keys: 'q2' } });
  // @ts-expect-error a number of bytes, or text
  await loadModel('m', { kv: { disk: true } });
  // @ts-expect-error a text, or ids
  await model.probe(17);
  // @ts-expect-error nothing else shapes what is found
  await model.probe('text', { id: 'sherlock' });
  // @ts-expect-error a misspelt option
  await loadModel('m', { maxToken: 3 });
  // @ts-expect-error text, not ids
  await session.append([1, 2]);
  // @ts-expect-error ids, not text
  await (await model.context()).append('text');
  // @ts-expect-error an answer is not a string
  const text: string = session.ask('Where?');
  // @ts-expect-error ids alone, unless log-probabilities are asked for
  (await (await model.context()).generate({ maxTokens: 3 })).logprobs;
  // @ts-expect-error on or off
  session.ask('Why?', { reasoning: 'high' });
  // @ts-expect-error a bias is a number
  await (await model.context()).generate({ logitBias: { 7: 'never' } });
  // @ts-expect-error a clone has an id of its own
  await model.cloneSession('a', { title: 'b' });
  // @ts-expect-error a file, not its name
  await model.importSession('book.session');
  // @ts-expect-error facts about a model are not ours to change
  model.info.backend = 'wasm';
  // @ts-expect-error no such code
  const code: ErrorCode = 'oops';
  // @ts-expect-error a method is named
  const attention: AttentionOptions = { budget: 3 };
  void [text, code, attention];
};

test('the surface is what the compiler was shown', () => {
  expect([compiles, mustFail].every((checked) => typeof checked === 'function')).toBe(true);
});
