// @ts-check
// The whole use of Longhand is in five lines: load, session, append, ask, and the loop over the answer.
import { load } from '../../dist/index.js';
import { facts, hideFacts } from './facts.js';
import { byId, bytes, panelRows, seconds } from './show.js';

const MODEL = new URL('../models/book-reader-5m-Q8_0.gguf', import.meta.url).href;
const BOOK = new URL('../books/sherlock.txt', import.meta.url).href;
/** Tokens left free for a question and its answer. */
const ROOM = 512;
const LAST = 'longhand-reader-last';

/** @type {import('../../dist/index.js').Model} */
let model;
/** @type {import('../../dist/index.js').Session | undefined} */
let session;
/** @type {AbortController | undefined} */
let running;

const setState = (/** @type {string} */ state) => {
  document.body.dataset.state = state;
  const idle = state === 'empty' || state === 'ready';
  for (const id of ['read', 'file']) byId(id).disabled = !idle;
  for (const id of ['question', 'ask']) byId(id).disabled = state !== 'ready';
  byId('stop').hidden = state !== 'reading' && state !== 'answering';
  byId('bar').hidden = state !== 'reading' && state !== 'loading';
};
const say = (/** @type {string} */ text) => {
  byId('status').textContent = text;
};
const fail = (/** @type {unknown} */ error) => {
  const problem = byId('problem');
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = false;
  setState('failed');
};

const showPanel = async () => {
  const stats = await session?.stats();
  byId('panel').replaceChildren(...panelRows(model.info, stats));
  return stats;
};

/** As much of a text as the model can read, cut after a sentence. */
const toWindow = async (/** @type {string} */ text) => {
  const most = model.info.maxTokens - ROOM;
  const ids = await model.tokenize(text.slice(0, most * 16));
  if (ids.length <= most) return text;
  const cut = await model.detokenize(ids.slice(0, most));
  return cut.slice(0, cut.lastIndexOf('. ') + 1);
};

const offer = (/** @type {boolean} */ bundled) => {
  const chips = bundled ? facts : [];
  byId('suggestions').hidden = chips.length === 0;
  byId('suggestions').replaceChildren(
    ...chips.map(({ question }) => {
      const chip = document.createElement('button');
      chip.type = 'button';
      chip.className = 'chip';
      chip.textContent = question;
      chip.addEventListener('click', () => {
        byId('question').value = question;
        byId('form').requestSubmit();
      });
      return chip;
    }),
  );
};

const openText = async (/** @type {string} */ name, /** @type {boolean} */ bundled) => {
  await session?.close();
  session = undefined;
  byId('transcript').replaceChildren();
  session = await model.session({ id: `reader/${name}` });
  byId('title').textContent = name;
  offer(bundled);
  localStorage.setItem(LAST, JSON.stringify({ name, bundled }));
  return session;
};

/**
 * @param {string} name @param {string} text as much of it as is read @param {number} length of all of it
 * @param {boolean} bundled
 */
const readText = async (name, text, length, bundled) => {
  setState('reading');
  running = new AbortController();
  try {
    const opened = await openText(name, bundled);
    const started = performance.now();
    let first = 0;
    await opened.append(text, {
      signal: running.signal,
      onProgress: ({ loaded, total }) => {
        first ||= loaded;
        const speed = (loaded - first) / ((performance.now() - started) / 1000);
        byId('bar').value = loaded / total;
        const left = speed > 0 ? `, ${seconds((total - loaded) / speed)} left` : '';
        say(
          `${loaded.toLocaleString()} of ${total.toLocaleString()} tokens${speed > 0 ? `, ${Math.round(speed)} tokens/s` : ''}${left}`,
        );
      },
    });
    const elapsed = (performance.now() - started) / 1000;
    const stats = await showPanel();
    const share =
      text.length < length
        ? ` (the first ${Math.round((100 * text.length) / length)} % of it, all that the model's window holds)`
        : '';
    const reused = stats?.reusedTokens ?? 0;
    say(
      reused > 0
        ? `Read ${stats?.tokens.toLocaleString()} tokens${share}; ${reused.toLocaleString()} of them were read before. ${seconds(elapsed)}.`
        : `Read ${stats?.tokens.toLocaleString()} tokens${share} in ${seconds(elapsed)}.`,
    );
    Object.assign(byId('reading').dataset, {
      tokens: stats?.tokens,
      reused,
      seconds: elapsed.toFixed(2),
      density: stats?.density.prefill.toFixed(3),
      bytes: stats?.bytes.pages,
      stored: stats?.storedBytes,
    });
    setState('ready');
    byId('question').focus();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) throw error;
    say('Stopped. What was read is kept: read the same text again to go on.');
    setState('empty');
  }
};

const ask = async (/** @type {string} */ question) => {
  if (!session) return;
  setState('answering');
  running = new AbortController();
  const entry = document.createElement('article');
  const heading = document.createElement('p');
  heading.className = 'question';
  heading.textContent = question;
  const out = document.createElement('p');
  out.className = 'answer';
  const cost = document.createElement('p');
  cost.className = 'cost';
  entry.append(heading, out, cost);
  byId('transcript').append(entry);
  const answer = session.ask(question, { maxTokens: 64, signal: running.signal });
  try {
    for await (const piece of answer) out.textContent += piece;
    const { questionTokens, answerTokens, questionSeconds, answerSeconds } = await answer.finish;
    const stats = await showPanel();
    const density = stats?.density.lastStep ?? 1;
    cost.textContent = `${questionTokens} tokens read in ${seconds(questionSeconds)}, ${answerTokens} written in ${seconds(answerSeconds)}, ${(100 * density).toFixed(1)} % of the text looked at`;
    Object.assign(out.dataset, {
      done: 'true',
      questionTokens,
      answerTokens,
      questionSeconds: questionSeconds.toFixed(3),
      answerSeconds: answerSeconds.toFixed(3),
      density: density.toFixed(3),
      bytes: stats?.bytes.total,
    });
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) throw error;
    cost.textContent = 'Stopped.';
    out.dataset.done = 'true';
  }
  setState('ready');
};

const start = async () => {
  model = await load(MODEL, {
    onProgress: ({ loaded, total }) => {
      byId('bar').value = loaded / total;
      say(`Loading the model: ${bytes(loaded)} of ${bytes(total)}`);
    },
  });
  await showPanel();
  const last = JSON.parse(localStorage.getItem(LAST) ?? 'null');
  const kept = last && (await model.sessions()).find(({ id }) => id === `reader/${last.name}`);
  if (kept) {
    const started = performance.now();
    const opened = await openText(last.name, last.bundled);
    const stats = await showPanel();
    say(
      `Resumed ${opened.resumedTokens.toLocaleString()} tokens in ${seconds((performance.now() - started) / 1000)}; none was read again.`,
    );
    Object.assign(byId('reading').dataset, {
      tokens: stats?.tokens,
      reused: stats?.reusedTokens,
      resumed: opened.resumedTokens,
    });
    setState('ready');
  } else {
    say(
      `Ready. ${model.info.name}, ${bytes(model.info.weightBytes)}, ${model.info.backend} ${model.info.build}.`,
    );
    setState('empty');
  }
};

const guarded = (/** @type {() => Promise<void>} */ work) => void work().catch(fail);
const takeFile = (/** @type {File | undefined} */ file) => {
  if (file)
    guarded(async () => {
      const text = await file.text();
      await readText(file.name, await toWindow(text), text.length, false);
    });
};

byId('read').addEventListener('click', () =>
  guarded(async () => {
    const book = await (await fetch(BOOK)).text();
    await readText('The Adventures of Sherlock Holmes', hideFacts(await toWindow(book)), book.length, true);
  }),
);
byId('file').addEventListener('change', () => takeFile(byId('file').files?.[0]));
byId('stop').addEventListener('click', () => running?.abort());
byId('form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const question = byId('question').value.trim();
  if (question === '' || document.body.dataset.state !== 'ready') return;
  byId('question').value = '';
  guarded(() => ask(question));
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  if (!byId('file').disabled) takeFile(event.dataTransfer?.files[0]);
});
guarded(start);
