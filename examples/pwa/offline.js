// @ts-check
// The app without a network: its service worker, what that has kept, and a new version when there is one.
import { byId } from '../reader/dom.js';
import { keepApp, keptOfApp } from '../reader/keep-app.js';

const SHARED = 'shelf-shared';

export const showOffline = async () => {
  const { app, model } = await keptOfApp();
  byId('offline').dataset.ready = String(app && model);
  byId('offline').textContent =
    app && model
      ? 'Works without a network: the app and the model are on this device.'
      : !('serviceWorker' in navigator)
        ? 'Needs the network to open: this browser keeps no pages here.'
        : `Getting ready to work without a network: ${app ? 'the model' : 'the app'} is not kept yet.`;
};

/** Files that other apps handed over, to this page or to its service worker while it was not open. @param {(files: File[]) => Promise<void>} take */
export const takeHandedOver = async (take) => {
  /** @type {any} */ (globalThis).launchQueue?.setConsumer(async (/** @type {any} */ { files }) => {
    await take(await Promise.all(files.map((/** @type {any} */ handed) => handed.getFile())));
  });
  if (!(await globalThis.caches?.has(SHARED))) return;
  const cache = await caches.open(SHARED);
  /** @type {File[]} */
  const files = [];
  for (const request of await cache.keys()) {
    const shared = await cache.match(request);
    const name = decodeURIComponent(shared?.headers.get('x-name') ?? 'shared.txt');
    if (shared) files.push(new File([await shared.blob()], name));
  }
  await caches.delete(SHARED);
  await take(files);
};

export const startOffline = async () => {
  await keepApp(showOffline);
};
