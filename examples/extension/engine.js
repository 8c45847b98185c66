// @ts-check
// The offscreen document: the model and what is read. It needs no service worker and no open panel; with no panel and
// nothing to read it closes itself after a while.
import { openModel } from './core.js';
import { modelSource } from './model-file.js';
import { closeRooms, isQuiet } from './rooms.js';
import { servePanel } from './serve-panel.js';
import { isOurs } from './wire.js';

const IDLE_MS = 60_000;

/** @type {Promise<import('../../dist/index.js').Model> | undefined} */
let opening;
let loaded = 0;
/** @type {Set<(loaded: number) => void>} */
const watchers = new Set();

/** The model; whoever waits for it hears how far it is. @param {(loaded: number) => void} [onLoaded] */
const model = async (onLoaded = () => undefined) => {
  watchers.add(onLoaded);
  onLoaded(loaded);
  opening ??= modelSource().then((source) =>
    openModel(source, (now) => {
      loaded = now;
      for (const watch of watchers) watch(now);
    }),
  );
  try {
    return await opening;
  } catch (error) {
    // Another one may be chosen.
    opening = undefined;
    throw error;
  } finally {
    watchers.delete(onLoaded);
  }
};

/** Whichever is chosen now; all that is open is closed. */
const changeModel = async () => {
  const before = opening;
  opening = undefined;
  loaded = 0;
  await closeRooms();
  await (await before?.catch(() => undefined))?.close();
};

let panels = 0;
let idle = 0;
const restAwhile = () => {
  clearTimeout(idle);
  idle = window.setTimeout(() => {
    if (panels > 0) return;
    if (isQuiet()) close();
    else restAwhile();
  }, IDLE_MS);
};

chrome.runtime.onConnect.addListener((port) => {
  if (!isOurs(port.sender, 'panel.html')) {
    port.disconnect();
    return;
  }
  panels++;
  servePanel(port, { model, changeModel });
  port.onDisconnect.addListener(() => {
    panels--;
    restAwhile();
  });
});
