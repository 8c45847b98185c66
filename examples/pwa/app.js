// @ts-check
// A private reading shelf. What it needs of Longhand is in core.js; all else here is a page.
import { desk } from '../reader/desk.js';
import { byId } from '../reader/dom.js';
import { clearProblem, showProblem } from '../reader/problems.js';
import { takeFiles } from '../reader/take-files.js';
import { showCovers } from './covers.js';
import { startDeeds, takeIn } from './deeds.js';
import { changeModel, firstModel, startModelChoice, useModel } from './model-choice.js';
import { showOffline, startOffline, takeHandedOver } from './offline.js';
import { announce } from './progress.js';
import { goOn, readFile } from './reading.js';
import { showStorage, startStorage } from './storage.js';
import { startTalk } from './talk.js';
import { show, shownText, startVolume } from './volume.js';

const guarded = (/** @type {() => Promise<void>} */ work) => void work().catch(showProblem);

/** What a file begins with says what it is, whatever it is called. @type {Record<string, (file: File) => Promise<void>>} */
const kinds = { GGUF: changeModel, LHX1: takeIn };

/** @param {Iterable<File>} files models, texts that were read elsewhere, texts to read */
const take = async (files) => {
  clearProblem();
  for (const file of files) {
    const other = kinds[await file.slice(0, 4).text()];
    if (other) guarded(() => other(file));
    else readFile(file);
  }
};

/** The keyboard goes to what is shown; back on the shelf to the cover that was opened. */
const route = async () => {
  const before = shownText();
  const id = decodeURIComponent(location.hash.slice(1));
  await show(id === '' ? undefined : id);
  const cover = before && byId('shelf').querySelector(`li[data-id="${CSS.escape(before)}"] a`);
  (id === '' ? (cover ?? byId('shelf-title')) : byId('text-name')).focus();
};

let drawing = Promise.resolve();
const draw = () => {
  drawing = drawing.then(showCovers).then(showStorage).then(showOffline).catch(showProblem);
};

const start = async () => {
  document.addEventListener('shelf-changed', draw);
  startTalk();
  startVolume();
  startDeeds();
  startStorage();
  startModelChoice(guarded);
  takeFiles((files) => guarded(() => take(files)));
  const wanted = await firstModel();
  await useModel(wanted);
  announce(`${desk.model.info.name} is ready.`);
  byId('add').disabled = false;
  addEventListener('hashchange', () => guarded(route));
  if (location.hash.length > 1) guarded(route);
  await goOn();
  await takeHandedOver(take);
};

start().catch((error) => {
  document.body.dataset.state = 'failed';
  showProblem(error);
  announce('Reload the page to try again.');
});
startOffline().catch(showProblem);
