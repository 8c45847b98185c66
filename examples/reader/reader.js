// @ts-check
// The whole use of Longhand is in five lines: load, session, append, ask, and the loop over the answer.
import { load } from '../../dist/index.js';
import { hideFacts } from './facts.js';
import { byId, bytes, panelRows, seconds } from './show.js';
import { say, setState, showProgress } from './state.js';
import { offer } from './suggest.js';
import { markOf, textOf } from './text.js';

/** The bundled model, or the one that `?model=` names, as `npm start -- --model path` does. */
const { searchParams } = new URL(location.href);
const MODEL = new URL(searchParams.get('model') ?? '../models/book-reader-5m-Q8_0.gguf', import.meta.url)
  .href;
const BOOK = new URL('../books/sherlock.txt', import.meta.url).href;
/** Tokens left free for a question and its answer. */
const ROOM = 512;
/** More characters than this hardly ever make one token, and no character has more bytes than that. */
const CHARACTERS = 16;
const BYTES = 4;
const LAST = 'longhand-reader-last';

/** @type {import('../../dist/index.js').Model} */
let model;
/** @type {import('../../dist/index.js').Session | undefined} */
let session;
/** @type {AbortController | undefined} */
let running;

const isAbort = (/** @type {unknown} */ error) =>
  error instanceof DOMException && error.name === 'AbortError';

/** Says what went wrong; what still works stays usable. */
const fail = (/** @type {any} */ error) => {
  const problem = byId('problem');
  const message = error instanceof Error ? error.message : String(error);
  problem.textContent =
    error?.code === 'input/busy'
      ? 'This text is open in another tab. Close it there, then read it here: it is not read again.'
      : message;
  problem.hidden = false;
  if (!model || error?.code === 'engine/lost') {
    say('Reload the page to try again.');
    setState('failed');
    return;
  }
  if (!session) say('Choose a text to read.');
  setState(session ? 'ready' : 'empty');
};

const showPanel = async () => {
  const stats = await session?.stats();
  byId('panel').replaceChildren(...panelRows(model.info, stats));
  return stats;
};

const most = () => model.info.maxTokens - ROOM;

/** As much of a text as the model can read, cut after a sentence where there is one. */
const toWindow = async (/** @type {string} */ text, /** @type {AbortSignal} */ signal) => {
  const head = text.slice(0, most() * CHARACTERS);
  const ids = await model.tokenize(head, { signal });
  if (ids.length <= most()) return head;
  const cut = await model.detokenize(ids.slice(0, most()));
  return cut.slice(0, cut.lastIndexOf('. ') + 1 || undefined);
};

const closeText = async () => {
  const open = session;
  session = undefined;
  byId('title').textContent = 'No text yet.';
  offer(false);
  await open?.close();
};

/** @param {{ id: string, name: string, bundled: boolean }} text */
const openText = async ({ id, name, bundled }) => {
  await closeText();
  byId('transcript').replaceChildren();
  byId('title').textContent = name;
  const opened = await model.session({ id });
  session = opened;
  offer(bundled);
  localStorage.setItem(LAST, JSON.stringify({ id, name, bundled }));
  return opened;
};

/**
 * @param {string} name @param {boolean} bundled
 * @param {(signal: AbortSignal) => Promise<{ text: string, share: number }>} find what is read, and which share of it all
 */
const readText = async (name, bundled, find) => {
  setState('reading');
  byId('problem').hidden = true;
  running = new AbortController();
  const { signal } = running;
  try {
    say(`Opening ${name}…`);
    byId('bar').value = 0;
    const { text, share } = await find(signal);
    const opened = await openText({ id: `reader/${name.slice(0, 100)} ${markOf(text)}`, name, bundled });
    const started = performance.now();
    /** @type {ReturnType<typeof showProgress> | undefined} */
    let show;
    await opened.append(text, {
      signal,
      onProgress: (progress) => {
        show ??= showProgress(started, progress.loaded);
        show(progress);
      },
    });
    const elapsed = (performance.now() - started) / 1000;
    const stats = await showPanel();
    const part =
      share < 0.995
        ? ` (the first ${Math.max(1, Math.round(100 * share))} % of it, all that the model's window holds)`
        : '';
    const reused = stats?.reusedTokens ?? 0;
    say(
      reused > 0
        ? `Read ${stats?.tokens.toLocaleString()} tokens${part}; ${reused.toLocaleString()} of them were read before. ${seconds(elapsed)}.`
        : `Read ${stats?.tokens.toLocaleString()} tokens${part} in ${seconds(elapsed)}.`,
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
    await closeText();
    if (!isAbort(error)) throw error;
    say('Stopped. What was read is kept: read the same text again to go on.');
    setState('empty');
  }
};

const ask = async (/** @type {string} */ question) => {
  if (!session) return;
  setState('answering');
  byId('problem').hidden = true;
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
    if (!isAbort(error)) {
      cost.textContent = 'No answer.';
      throw error;
    }
    cost.textContent = 'Stopped.';
    out.dataset.done = 'true';
  }
  setState('ready');
};

/** Goes on with the text that was read last, where it is kept. Whether there is one. */
const resume = async () => {
  const last = JSON.parse(localStorage.getItem(LAST) ?? 'null');
  const kept = last?.id && (await model.sessions()).some(({ id }) => id === last.id);
  if (!kept) return false;
  const started = performance.now();
  const { resumedTokens } = await openText(last);
  const stats = await showPanel();
  const elapsed = seconds((performance.now() - started) / 1000);
  const reused = stats?.reusedTokens ?? 0;
  say(
    reused === resumedTokens
      ? `Resumed ${resumedTokens.toLocaleString()} tokens in ${elapsed}; none was read again.`
      : `Resumed ${resumedTokens.toLocaleString()} tokens in ${elapsed}; ${(resumedTokens - reused).toLocaleString()} of them will be read again with the next question.`,
  );
  Object.assign(byId('reading').dataset, { tokens: stats?.tokens, reused, resumed: resumedTokens });
  return true;
};

const start = async () => {
  model = await load(MODEL, {
    onProgress: ({ loaded, total }) => {
      byId('bar').value = loaded / total;
      say(`Loading the model: ${bytes(loaded)} of ${bytes(total)}`, true);
    },
  });
  await showPanel();
  if (await resume()) {
    setState('ready');
    return;
  }
  say(
    `Ready. ${model.info.name}, ${bytes(model.info.weightBytes)}, ${model.info.backend} ${model.info.build}, ${model.info.downloadedBytes > 0 ? 'downloaded' : 'from this device'}.`,
  );
  setState('empty');
};

const guarded = (/** @type {() => Promise<void>} */ work) => void work().catch(fail);
const takeFile = (/** @type {File | undefined} */ file) => {
  if (!file) return;
  guarded(() =>
    readText(file.name, false, async (signal) => {
      const found = await textOf(file, most() * CHARACTERS * BYTES);
      const text = await toWindow(found.text, signal);
      return { text, share: (found.share * text.length) / found.text.length };
    }),
  );
};

byId('read').addEventListener('click', () =>
  guarded(() =>
    readText('The Adventures of Sherlock Holmes', true, async (signal) => {
      const book = await (await fetch(BOOK, { signal })).text();
      const text = await toWindow(book, signal);
      return { text: hideFacts(text), share: text.length / book.length };
    }),
  ),
);
byId('file').addEventListener('change', () => {
  takeFile(byId('file').files?.[0]);
  // So that the same file, changed, can be chosen again.
  byId('file').value = '';
});
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
