// @ts-check
// The engine as the panel sees it: calls over a port to the offscreen document, which is made if it is not there.

const PLACE = 'engine.html';

const TRIES = 100;
const PAUSE_MS = 100;

/** @returns {Promise<chrome.runtime.Port | undefined>} of an engine that is there and listens */
const tryConnect = async () => {
  try {
    await chrome.offscreen.createDocument({
      url: PLACE,
      reasons: ['WORKERS'],
      justification: 'A language model reads and answers in a worker, also while the panel is closed.',
    });
  } catch {
    // There is one already, or a panel of another window is making it.
  }
  const port = chrome.runtime.connect();
  const isListening = await new Promise((resolve) => {
    port.onMessage.addListener(() => resolve(true));
    port.onDisconnect.addListener(() => {
      // Looked at, so that the browser does not complain that nobody listens yet.
      void chrome.runtime.lastError;
      resolve(false);
    });
  });
  return isListening ? port : undefined;
};

const findEngine = async () => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = await tryConnect();
    if (port) return port;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw lost();
};

const lost = () =>
  Object.assign(new Error('The engine stopped. Close this panel and open it again.'), {
    code: 'engine/lost',
  });

/** An error as it was there: its code is what tells. @param {{ name: string, message: string, code?: string }} problem */
const errorFrom = ({ name, message, code }) =>
  name === 'AbortError' ? new DOMException(message, name) : Object.assign(new Error(message), { name, code });

/**
 * @typedef {{ resolve(done: any): void, reject(error: unknown): void, onEvent(event: any): void }} Waiting
 * @typedef {(verb: string, given?: object, onEvent?: (event: any) => void) => Promise<any>} Engine
 */

/** @returns {Promise<Engine>} */
export const connectEngine = async () => {
  const port = await findEngine();
  /** @type {Map<number, Waiting>} */
  const waiting = new Map();
  let calls = 0;
  let isLost = false;
  port.onMessage.addListener((message) => {
    const { call, event, done, problem } = /** @type {any} */ (message);
    const one = waiting.get(call);
    if (!one) return;
    if (event) return one.onEvent(event);
    waiting.delete(call);
    if (problem) one.reject(errorFrom(problem));
    else one.resolve(done);
  });
  port.onDisconnect.addListener(() => {
    isLost = true;
    for (const { reject } of waiting.values()) reject(lost());
    waiting.clear();
  });
  return (verb, given = {}, onEvent = () => undefined) =>
    new Promise((resolve, reject) => {
      if (isLost) return reject(lost());
      const call = ++calls;
      waiting.set(call, { resolve, reject, onEvent });
      port.postMessage({ ...given, call, verb });
    });
};
