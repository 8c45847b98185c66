// @ts-check
// What one panel asks of the engine. One thing at a time, but for `stop`.
import { LonghandError } from '../../dist/index.js';
import { toWindow } from '../reader/window.js';
import { contentId } from './content-id.js';
import { answer } from './core.js';
import { quotesOf } from './quotes.js';
import { allClosed, enter, isOpen, leave } from './rooms.js';
import { checkRequest } from './wire.js';

/** @typedef {import('../../dist/index.js').Model} Model */
/** @typedef {{ model(onLoaded?: (loaded: number) => void): Promise<Model>, changeModel(): Promise<void> }} Engine */

/** Sessions of pages; nothing else is kept here. */
const keptPages = async (/** @type {Model} */ model) =>
  (await model.sessions()).filter(({ id }) => id.startsWith('page/'));

/** @param {chrome.runtime.Port} port @param {Engine} engine */
export const servePanel = (port, engine) => {
  /** What the panel looks at. @type {{ id: string, title: string, text: string } | undefined} */
  let page;
  /** @type {import('./rooms.js').Room | undefined} */
  let room;
  /** @type {AbortController | undefined} */
  let running;
  let gone = false;

  const goOut = () => {
    if (room && page) leave(page.id, room);
    room = undefined;
  };
  const inside = () => {
    if (room && page) return { room, page };
    throw new LonghandError('input/option', 'No page is read yet. Read one, then ask.');
  };

  /** @type {Record<string, (given: any, tell: (event: object) => void, signal: AbortSignal) => Promise<object>>} */
  const answers = {
    async model(_, tell) {
      const { info } = await engine.model((loaded) => tell({ loaded }));
      const { name, parameters, maxTokens, threads, store, weightBytes } = info;
      return { name, parameters, maxTokens, threads, store, weightBytes };
    },

    /** Lays a page before the engine, and tells what is known of it already. */
    async look({ title, text }, _, signal) {
      const model = await engine.model();
      const fitting = await toWindow(model, text, signal);
      const id = await contentId(fitting, model.info);
      goOut();
      page = { id, title, text: fitting };
      // Asked first: one that is read to its end meanwhile is closed, and then it is among those that are kept.
      const isBeingRead = isOpen(id);
      await allClosed();
      const kept = (await model.sessions()).find((session) => session.id === id);
      const known = await model.probe(fitting, { signal }).catch(() => undefined);
      return {
        id,
        tokens: known?.tokens ?? (await model.tokenize(fitting, { signal })).length,
        known: known?.restorableTokens ?? 0,
        isKept: isBeingRead || kept?.restores === 'pages',
        share: fitting.length / text.length,
      };
    },

    async read(_, tell, signal) {
      if (!page)
        throw new LonghandError('input/option', 'No page was looked at yet. Look at one, then read it.');
      const mine = enter(await engine.model(), page);
      room = mine;
      // The panel was closed meanwhile: the text is read all the same.
      if (gone) goOut();
      const stop = () => mine.stop.abort();
      signal.addEventListener('abort', stop);
      mine.watchers.add(tell);
      try {
        const session = await mine.session;
        const { tokens, reusedTokens, recomputedTokens, storage } = await session.stats();
        return {
          tokens,
          reused: reusedTokens,
          again: recomputedTokens,
          resumed: session.resumedTokens,
          storage,
        };
      } catch (error) {
        if (room === mine) goOut();
        throw error;
      } finally {
        mine.watchers.delete(tell);
        signal.removeEventListener('abort', stop);
      }
    },

    async ask({ question }, tell, signal) {
      const { room: mine, page: asked } = inside();
      const session = await mine.session;
      // Two panels may have the same text open.
      const turn = mine.asking.then(() => answer(session, question, signal, (piece) => tell({ piece })));
      mine.asking = turn.catch(() => undefined);
      const { sources = [], questionSeconds, answerTokens, answerSeconds } = await turn;
      const quotes = await quotesOf(session, asked.text, sources);
      return { quotes, questionSeconds, answerTokens, answerSeconds };
    },

    async kept() {
      const all = await keptPages(await engine.model());
      return { pages: all.map(({ id, title, tokens, bytes }) => ({ id, title, tokens, bytes: bytes.own })) };
    },

    async forget({ id }) {
      const model = await engine.model();
      if (page?.id === id && room) {
        const left = room.session;
        goOut();
        await left.then((session) => session.close()).catch(() => undefined);
      }
      await model.deleteSession(id);
      return {};
    },

    async 'change-model'() {
      page = undefined;
      room = undefined;
      await engine.changeModel();
      return {};
    },
  };

  const say = (/** @type {object} */ message) => {
    if (!gone) port.postMessage(message);
  };

  const serve = async (/** @type {import('./wire.js').Request} */ request) => {
    const { call, verb } = request;
    if (verb === 'stop') {
      running?.abort();
      return {};
    }
    if (running)
      throw new LonghandError('input/busy', 'One thing at a time: the panel still waits for another.');
    running = new AbortController();
    try {
      return await /** @type {any} */ (answers[verb])(
        request,
        (/** @type {object} */ event) => say({ call, event }),
        running.signal,
      );
    } finally {
      running = undefined;
    }
  };

  // So that the panel knows that somebody listens.
  say({ call: 0 });
  port.onMessage.addListener(async (message) => {
    const call = /** @type {{ call?: unknown } | null} */ (message)?.call;
    try {
      say({ call, done: await serve(checkRequest(message)) });
    } catch (error) {
      const { name = 'Error', message: why = '', code } = /** @type {any} */ (error);
      say({ call, problem: { name, message: why, code } });
    }
  });
  port.onDisconnect.addListener(() => {
    gone = true;
    // An answer that nobody hears; a text is read on.
    if (room?.isRead) running?.abort();
    goOut();
  });
};
