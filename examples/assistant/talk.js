// @ts-check
// The conversation that lies open. One tab writes it; another one shows it as it was last stored, until it is let go of.
import { desk } from '../reader/desk.js';
import { byId, make, rows } from '../reader/dom.js';
import { bytes, count, percent, seconds } from '../reader/numbers.js';
import { clearProblem, isAbort, showProblem } from '../reader/problems.js';
import { changed, onOthers, tellOthers } from './among-tabs.js';
import { isBundled } from './bundled.js';
import { copySession, keepFirst, openChat, openSession } from './core.js';
import { askedAs } from './forms.js';
import { articleOf, grow, mayEdit } from './message.js';
import { commandOf, run, TOOLS } from './tools.js';
import { noteUnfinished, showUnfinished, unfinishedOf } from './unfinished.js';

/** @typedef {import('../../dist/chat.js').Chat} Chat @typedef {import('../../dist/chat.js').ChatState} ChatState */

const ANSWER = 800;
const TITLE = 60;

/**
 * What is shown: nothing stored yet without a chat and a reader. `leaving` ends what waits for it.
 * @type {{ id: string | undefined, title: string, leaving: AbortController, chat?: Chat, session?: import('./core.js').Session }}
 */
let open = { id: undefined, title: '', leaving: new AbortController() };
/** Opening and closing wait for each other. @type {Promise<unknown>} */
let turn = Promise.resolve();
/** @type {{ message: import('../../dist/chat.js').ChatMessage, article: HTMLElement }[]} */
let drawn = [];
/** Of the answer that is on its way. */
let partial = '';
/** Things that were done with conversations. */
let turns = 0;

export const openId = () => open.id;

/** `new`, `opening`, `looking` at what another tab writes, `ready`, `reading`, `answering`. @param {string} state */
const setTalk = (state) => {
  document.body.dataset.talk = state;
  const busy = state === 'reading' || state === 'answering';
  const may = state === 'ready' || state === 'new';
  byId('question').disabled = byId('form-kind').disabled = !may && !busy;
  byId('send').disabled = !may;
  byId('send').hidden = busy;
  byId('stop').hidden = !busy;
  byId('form').hidden = byId('commands').hidden = state === 'looking';
  byId('elsewhere').hidden = state !== 'looking';
  byId('begin').hidden = byId('tools-choice').hidden = state !== 'new';
  byId('transcript').ariaBusy = String(busy);
  for (const button of byId('transcript').querySelectorAll('.deeds button')) button.disabled = !may;
};

const deedsOf = (
  /** @type {import('../../dist/chat.js').ChatMessage} */ message,
  /** @type {number} */ index,
) => {
  const button = (
    /** @type {string} */ name,
    /** @type {string} */ what,
    /** @type {(at: HTMLElement) => unknown} */ work,
  ) => {
    const one = make('button', {
      type: 'button',
      className: 'quiet',
      textContent: name,
      ariaLabel: `${name}: ${what}`,
    });
    one.addEventListener('click', () => work(one));
    return one;
  };
  const what = message.text.slice(0, 40);
  if (mayEdit(message)) return [button('Edit in a copy', what, (at) => startEdit(at, message.text, index))];
  return message.role === 'assistant' && !message.calls
    ? [button('Copy up to here', what, () => void inCopy(index + 1).catch(showProblem))]
    : [];
};

/** @param {readonly import('../../dist/chat.js').ChatMessage[]} messages @param {boolean} mine */
const draw = (messages, mine) => {
  const last = messages.length - 1;
  drawn = messages.map((message, i) => {
    const before = drawn[i];
    if (before?.message === message) return before;
    if (before && i === last && grow(before.article, message)) return { message, article: before.article };
    return { message, article: articleOf(message, ...(mine ? deedsOf(message, i) : [])) };
  });
  const articles = drawn.map(({ article }) => article);
  const there = byId('transcript').children;
  articles.forEach((article, i) => {
    if (there[i] === article) return;
    if (there[i]) there[i].replaceWith(article);
    else byId('transcript').append(article);
  });
  while (there.length > articles.length) there[articles.length].remove();
};

const atEnd = () => byId('end').scrollIntoView({ block: 'end' });

const showFacts = async () => {
  const { session } = open;
  if (!session) return byId('facts').replaceChildren();
  const { tokens, memory, storedBytes, density, recomputedTokens } = await session.stats();
  byId('facts').replaceChildren(
    ...rows([
      ['In this conversation', `${count(tokens)} of ${count(desk.model.info.maxTokens)} tokens`],
      ['Read again', `${count(recomputedTokens)} tokens`],
      ['Memory of pages', `${bytes(memory.used)} of ${bytes(memory.budget)}`],
      ['On this device', bytes(storedBytes)],
      ['Last word read', percent(density.lastStep)],
    ]),
  );
};

const showRest = () => {
  const { id, chat } = open;
  const what = id === undefined || !chat || chat.state.status === 'answering' ? undefined : unfinishedOf(id);
  const last = chat?.state.messages.at(-1);
  showUnfinished(what, last?.role === 'user' && last.text === what?.question, {
    again: () => what && void send(what.question),
    leave: () => {
      if (id !== undefined) noteUnfinished(id, undefined);
      showRest();
    },
  });
};

const drawState = (/** @type {ChatState} */ { status, messages, progress }) => {
  const answering = status === 'answering';
  if (answering) partial = messages.at(-1)?.text ?? '';
  draw(messages, true);
  setTalk(status === 'error' ? 'ready' : status);
  const bar = byId('bar');
  bar.hidden = progress === undefined || progress.loaded >= progress.total;
  if (progress) bar.value = progress.total > 0 ? progress.loaded / progress.total : 0;
  if (status !== 'ready') atEnd();
};

/** The conversation is this tab's to write. @param {string} id @param {import('./core.js').Session} session @param {number} started */
const begin = async (id, session, started) => {
  const chat = await openChat(session, { maxTokens: ANSWER, run });
  drawn = [];
  byId('transcript').replaceChildren();
  Object.assign(open, { id, chat, session });
  chat.subscribe(drawState);
  const { resumedTokens } = session;
  const { reusedTokens } = await session.stats();
  const resumed = byId('resumed');
  resumed.textContent =
    resumedTokens === 0
      ? ''
      : `Resumed ${count(resumedTokens)} tokens in ${seconds((performance.now() - started) / 1000)}; ${count(resumedTokens - reusedTokens)} of them must be read again.`;
  Object.assign(resumed.dataset, { resumed: resumedTokens, reused: reusedTokens });
  showRest();
  await showFacts();
  atEnd();
};

/** Another tab writes it: shows what is stored, and waits. @param {string} id @param {AbortSignal} signal */
const lookAt = async (id, signal) => {
  const reader = await openSession(desk.model, { id, readOnly: true });
  const messages = await reader.messages();
  await reader.close();
  if (signal.aborted) return;
  draw(messages, false);
  setTalk('looking');
  const what = unfinishedOf(id);
  showUnfinished(what, false, undefined);
  atEnd();
};

/** @param {string} id @param {AbortSignal} signal */
const take = async (id, signal) => {
  const started = performance.now();
  const mine = await openSession(desk.model, { id, signal }).catch((error) => {
    if (error.code === 'input/busy') return undefined;
    throw error;
  });
  if (mine) return begin(id, mine, started);
  await lookAt(id, signal);
  /** @returns {Promise<void>} */
  const wait = async () => {
    try {
      const session = await openSession(desk.model, { id, wait: true, signal });
      if (signal.aborted) await session.close();
      else await begin(id, session, performance.now());
    } catch (error) {
      if (signal.aborted) return;
      // Whoever had it may have had the engine too.
      if (/** @type {any} */ (error).code === 'engine/lost') await wait();
      else showProblem(error);
    }
  };
  void wait();
};

/** What was answered so far is noted, where this tab or the conversation is left in the middle of it. */
const notePartial = () => {
  const noted = open.id === undefined || !open.chat ? undefined : unfinishedOf(open.id);
  if (noted && open.id !== undefined && partial !== '') noteUnfinished(open.id, { ...noted, text: partial });
};

const closeOpen = async () => {
  const { chat, leaving } = open;
  notePartial();
  partial = '';
  leaving.abort();
  open = { id: undefined, title: '', leaving: new AbortController() };
  drawn = [];
  byId('transcript').replaceChildren();
  byId('resumed').textContent = '';
  showUnfinished(undefined, false, undefined);
  await chat?.close();
};

/** Shows a conversation, or with nothing a new one. @param {string | undefined} id @param {boolean} [anew] also the one that is shown */
export const show = (id, anew = false) => {
  turn = turn.then(async () => {
    if (open.id === id && !anew && (open.chat || id === undefined))
      return setTalk(open.chat ? 'ready' : 'new');
    await closeOpen();
    clearProblem();
    open.id = id;
    if (id === undefined) {
      setTalk('new');
      await showFacts();
      return;
    }
    setTalk('opening');
    await take(id, open.leaving.signal);
  });
  turn = turn.catch((error) => {
    if (!isAbort(error)) showProblem(error);
    open = { id: undefined, title: '', leaving: new AbortController() };
    setTalk('new');
  });
  return turn;
};

/** What is open is closed, for those who change the model or delete it. */
export const letGo = () => show(undefined, true);

/** A new conversation is stored with its first words. @param {string} words */
const beginWith = async (words) => {
  const id = crypto.randomUUID();
  const title = words.replace(/\s+/g, ' ').trim().slice(0, TITLE) || 'A conversation';
  const tools = byId('with-tools').checked ? { tools: TOOLS } : {};
  const session = await openSession(desk.model, { id, title, ...tools });
  await begin(id, session, performance.now());
  history.replaceState(undefined, '', `#${id}`);
};

/** One thing after another is done with the conversation. @param {string} words @param {(chat: Chat) => Promise<void>} work */
const withChat = async (words, work) => {
  const at = open;
  clearProblem();
  setTalk('opening');
  try {
    if (!at.chat) await beginWith(words);
    const { chat, id } = at;
    if (!chat || id === undefined) return;
    await work(chat);
    if (at !== open) return;
    if (chat.state.status === 'error') throw chat.state.error;
    noteUnfinished(id, undefined);
  } catch (error) {
    if (at !== open) return;
    notePartial();
    if (!isAbort(error)) showProblem(error);
  } finally {
    if (at === open) {
      partial = '';
      setTalk(open.chat ? 'ready' : 'new');
      showRest();
      await showFacts().catch(showProblem);
      byId('question').focus({ preventScroll: true });
      atEnd();
    }
    changed(at.id);
    byId('transcript').dataset.turns = String(++turns);
  }
};

/** @param {string} text @param {string} [kind] how it is to be answered */
export const send = (text, kind = 'free') => {
  const command = commandOf(text);
  if (command) return withChat(text, async (chat) => chat.append((await command()) ?? ''));
  const { told, settings } = askedAs(kind);
  const question = told === '' || isBundled() ? text : `${text}\n${told}`;
  return withChat(text, (chat) => {
    if (open.id !== undefined) noteUnfinished(open.id, { question, text: '' });
    showUnfinished(undefined, false, undefined);
    return chat.send(question, settings);
  });
};

/** Reads a text into the conversation. @param {string} name @param {string} words */
export const readHere = (name, words) => withChat(name, (chat) => chat.append(words));

/** Goes on in a copy of the first messages; both remain. @param {number} keep @param {string} [question] */
const inCopy = async (keep, question) => {
  const { id: from } = open;
  if (from === undefined) return;
  const id = crypto.randomUUID();
  const before = (await desk.model.sessions()).find((one) => one.id === from);
  await copySession(desk.model, from, {
    id,
    title: `${before?.title ?? 'A conversation'}, a copy`.slice(0, 120),
  });
  const session = await openSession(desk.model, { id });
  await keepFirst(session, keep);
  await session.close();
  history.pushState(undefined, '', `#${id}`);
  await show(id);
  changed(id);
  if (question !== undefined) await send(question);
  byId('question').focus({ preventScroll: true });
};

/** @param {HTMLElement} at @param {string} text @param {number} index */
const startEdit = (at, text, index) => {
  const article = at.closest('article');
  if (!article) return;
  const field = document.createElement('textarea');
  Object.assign(field, { value: text, rows: 2, ariaLabel: 'The question, changed', dir: 'auto' });
  const cancel = make('button', { type: 'button', textContent: 'Cancel' });
  const ask = make('button', { className: 'first', textContent: 'Ask in a copy' });
  const form = /** @type {HTMLElement} */ (document.createElement('form'));
  form.className = 'edit';
  form.append(field);
  form.append(make('div', { className: 'row' }, ask, cancel));
  const before = [...article.children];
  cancel.addEventListener('click', () => {
    article.replaceChildren(...before);
    at.focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    article.replaceChildren(...before);
    if (field.value.trim() !== '') void inCopy(index, field.value.trim()).catch(showProblem);
  });
  article.replaceChildren(form);
  field.focus();
};

export const startTalk = () => {
  byId('form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const text = byId('question').value.trim();
    if (text === '' || byId('send').disabled) return;
    byId('question').value = '';
    void send(text, byId('form-kind').value);
  });
  byId('question').addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId('form').requestSubmit();
  });
  byId('stop').addEventListener('click', () => open.chat?.stop());
  byId('go-on-here').addEventListener('click', () => tellOthers({ kind: 'let go', id: open.id ?? '' }));
  addEventListener('pagehide', notePartial);
  onOthers(({ kind, id }) => {
    if (id !== open.id) return;
    // What is being said is said to its end.
    if (kind === 'let go' && open.chat?.state.status === 'ready') void show(id, true);
    if (kind === 'changed' && document.body.dataset.talk === 'looking')
      void lookAt(id, open.leaving.signal).catch(showProblem);
  });
};
