// @ts-check
// An app that opens without a network: its service worker, and the button that lets a new version take over.
import { models } from '../../dist/index.js';
import { desk } from './desk.js';
import { byId } from './dom.js';

/** What is on this device of what a visit without a network needs: the app, and the model that reads now. */
export const keptOfApp = async () => ({
  app: Boolean((await navigator.serviceWorker?.getRegistration())?.active),
  model:
    desk.source instanceof Blob ||
    (await models()).some(({ url, complete }) => complete && url === desk.source),
});

/** @param {() => Promise<void>} showOffline tells whether it would open without a network now */
export const keepApp = async (showOffline) => {
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker.register('sw.js', { updateViaCache: 'none' });
  const offer = () => {
    byId('update').hidden = !(registration.waiting && navigator.serviceWorker.controller);
  };
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', () => {
      offer();
      void showOffline();
    });
  });
  offer();
  byId('update').addEventListener('click', () => {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    registration.waiting?.postMessage('take over');
  });
  await navigator.serviceWorker.ready;
  await showOffline();
};
