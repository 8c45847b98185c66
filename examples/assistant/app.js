// @ts-check
// A chat with a long memory. What it needs of Longhand is in core.js; all else here is a page.
import { byId } from '../reader/dom.js';
import { clearProblem, showProblem } from '../reader/problems.js';
import { takeFiles } from '../reader/take-files.js';
import { changed, onOthers } from './among-tabs.js';
import { showConversations, showTexts } from './conversations.js';
import { changeModel, firstModel, startModelChoice, useModel } from './model-choice.js';
import { showStorage, startStorage } from './storage.js';
import { show, startTalk } from './talk.js';
import { addText } from './texts.js';

const guarded = (/** @type {() => Promise<void>} */ work) => void work().catch(showProblem);

const say = (/** @type {string} */ text) => {
  byId('status').textContent = text;
};

/** @param {File[]} files texts to be searched and read, or a model */
const take = async (files) => {
  clearProblem();
  for (const file of files) {
    if ((await file.slice(0, 4).text()) === 'GGUF') await changeModel(file);
    else {
      await addText(file);
      say(`${file.name} was added to your texts.`);
    }
  }
  changed();
};

let drawing = Promise.resolve();
const redraw = () => {
  drawing = drawing.then(showConversations).then(showTexts).then(showStorage).catch(showProblem);
};

/** On a phone the conversation and the list take turns. @param {boolean} open */
const showList = (open) => {
  document.body.toggleAttribute('data-list', open);
  byId('list-button').ariaExpanded = String(open);
  byId('list-button').textContent = open ? 'Back' : 'Chats';
};

const route = async () => {
  showList(false);
  const id = decodeURIComponent(location.hash.slice(1));
  await show(id === '' ? undefined : id);
  redraw();
  byId('question').focus({ preventScroll: true });
};

const start = async () => {
  document.addEventListener('stored-changed', redraw);
  onOthers(({ kind }) => kind === 'changed' && redraw());
  startTalk();
  startModelChoice(guarded);
  startStorage().catch(showProblem);
  byId('list-button').addEventListener('click', () => showList(!document.body.hasAttribute('data-list')));
  byId('new').addEventListener('click', () => {
    if (location.hash.length > 1) location.hash = '';
    else guarded(route);
  });
  takeFiles((files) => guarded(() => take(files)));
  await useModel(firstModel());
  say('');
  addEventListener('hashchange', () => guarded(route));
  await route();
};

start().catch((error) => {
  document.body.dataset.state = 'failed';
  showProblem(error);
  say('Reload the page to try again.');
});
