/** A reload, the model loaded again, a new question about a text that was read before: how long until its first token. */
import type { Model } from '../../src/loaded-model.js';
import { intoPage } from '../into-page.js';
import { makeModel } from '../make-model.js';
import { visitIn } from './again.js';
import { type Goal, least, machine, table } from './goal.js';
import { openPlace, type Place } from './place.js';

const THREADS = 2;
const QUESTIONS = ['What did the letter say?', 'Where was the lamp left?', 'How many steps lead up?'];

/** Runs in a page. Seconds from the first call to the first piece of the answer; nothing is read again. */
const ours = async (input: { engine: string; model: string; question: string; threads: number }) => {
  const started = performance.now();
  const { load } = await import(input.engine);
  const model: Model = await load(input.model, { threads: input.threads, maxTokens: 20_000 });
  try {
    const session = await model.session({ id: 'book' });
    let first = 0;
    for await (const _ of session.ask(input.question, { maxTokens: 4, ignoreStops: true, temperature: 0 }))
      first ||= (performance.now() - started) / 1000;
    const { reusedTokens, recomputedTokens } = await session.stats();
    return { first, reusedTokens, recomputedTokens };
  } finally {
    await model.close();
  }
};

interface PeerInput {
  readonly root: string;
  readonly model: string;
  readonly tokens: number;
  readonly threads: number;
}
/** Runs in a page: wllama 3.8.1 at the configuration that reads fastest (see `wllama`). It keeps nothing, so it reads the text. */
const peer = async ({ root, model, tokens, threads }: PeerInput) => {
  const started = performance.now();
  const esm = `${root}wllama-3/esm/`;
  const { Wllama, LoggerWithoutDebug } = await import(`${esm}index.js`);
  const paths = { default: `${esm}wasm/wllama.wasm` };
  const wllama = new Wllama(paths, { suppressNativeLog: true, logger: LoggerWithoutDebug });
  const blob = await (await fetch(model)).blob();
  const context = { n_ctx: tokens + 64, n_gpu_layers: 0, n_parallel: 1, warmup: false };
  await wllama.loadModel([blob], { ...context, n_threads: threads, n_batch: 64, n_ubatch: 64 });
  // Digits, which are a token each.
  const prompt = Array.from({ length: tokens }, (_, i) => (i * 7) % 10).join('');
  const asked = { prompt, max_tokens: 1, temperature: 0, cache_prompt: false, ignore_eos: true };
  const { timings } = await wllama.createCompletion(asked);
  const first = (performance.now() - started) / 1000;
  await wllama.exit();
  if (timings.prompt_n !== tokens) throw new Error(`wllama read ${timings.prompt_n} of ${tokens} tokens.`);
  return { first };
};

const inTurn = async (path: string, tokens: number) => {
  const visit = async <T>(place: Place, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      await place.close();
    }
  };
  const place = await openPlace('Chromium', { keeps: true });
  const found = await visit(place, async () => {
    const options = { threads: THREADS, maxTokens: 20_000 };
    const { reading, text } = await visitIn(place, path, {
      ...{ options, id: 'book', tokens, question: QUESTIONS[0]!, answer: 4 },
    });
    const again = [];
    for (const question of QUESTIONS) {
      const input = { engine: place.engine, model: place.at(path), question, threads: THREADS };
      again.push(await place.call(ours, input));
    }
    return { reading, text, again };
  });
  const other = await openPlace('Chromium');
  const root = other.at('bench/node_modules/');
  const input = { root, model: other.at(path), tokens: found.text, threads: THREADS };
  return { ...found, label: other.label, peer: await visit(other, () => other.call(peer, input)) };
};

export const reload: Goal = {
  name: 'reload',
  about: 'a reload and a new question on a text that was read before, beside wllama in the same run',

  async measure(results, { quick, shape }) {
    const tokens = quick ? 256 : 4096;
    const path = makeModel(shape, 'Q8_0', { window: 40_000 });
    const { reading, text, again, label, peer } = await results.row(
      `${tokens} tokens, ${THREADS} threads`,
      () => inTurn(path, tokens),
    );
    const first = least(again.map((one) => one.first));
    const wrong = again.find(
      ({ reusedTokens, recomputedTokens }) => recomputedTokens > 0 || reusedTokens < text,
    );
    if (wrong) throw new Error(`Read again after all: ${JSON.stringify(wrong)}`);
    const ratio = (peer.first / first).toFixed(0);
    const browser = label.split(',')[0];
    const line = `**After a reload**, a new question on a text of ${text.toLocaleString('en')} tokens gets its first token ${first.toFixed(1)} s after the model begins to load; wllama 3.8.1, which reads it again, needs ${peer.first.toFixed(0)} s in the same run (${ratio} times as long). ${shape} shape, Q8_0, ${THREADS} threads, ${browser}, ${machine()}, ${results.dates}: \`npm run bench -- reload\`.`;
    if (!quick) intoPage('README.md', 'reload', line, '');
    return table(
      ['after a reload, from loading the model to the first token', 'Longhand', 'wllama 3.8.1'],
      [
        ['tokens of the text', text, text],
        ['the first visit: reading it', `${reading.toFixed(1)} s`, ''],
        ['a new question', `${first.toFixed(2)} s`, `${peer.first.toFixed(1)} s`],
        ['tokens read again', 0, text],
      ],
    );
  },
};
