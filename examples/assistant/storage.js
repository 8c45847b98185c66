// @ts-check
// What is kept on this device, whether it works without a network, and how to be rid of it.
import { wipe } from '../../dist/index.js';
import { desk } from '../reader/desk.js';
import { byId } from '../reader/dom.js';
import { keepApp, keptOfApp } from '../reader/keep-app.js';
import { bytes } from '../reader/numbers.js';
import { showPromise, startPersist } from '../reader/persisting.js';
import { showProblem } from '../reader/problems.js';
import { asked } from './conversations.js';
import { DATABASE } from './core.js';
import { letGo } from './talk.js';
import { dropAllTexts } from './texts.js';

const showOffline = async () => {
  const { app, model } = await keptOfApp();
  byId('offline').dataset.ready = String(app && model);
  byId('offline').textContent =
    app && model
      ? 'Works without a network: the app and the model are on this device.'
      : `Not ready to work without a network: ${app ? 'the model' : 'the app'} is not kept yet.`;
};

export const showStorage = async () => {
  const { usage, quota } = await showPromise();
  byId('room-words').textContent = quota > 0 ? `${bytes(usage)} of up to ${bytes(quota)} used` : '';
  await showOffline();
};

const forgetAll = async () => {
  await letGo();
  for (const { id } of await desk.model.sessions()) await desk.model.deleteSession(id);
  await desk.model.close();
  await dropAllTexts();
  localStorage.clear();
  await wipe({ database: DATABASE });
  location.href = location.pathname;
};

export const startStorage = async () => {
  startPersist(showStorage);
  byId('forget').addEventListener('click', () =>
    asked('Forget every conversation, every text and every model?', forgetAll).catch(showProblem),
  );
  await keepApp(showOffline);
};
