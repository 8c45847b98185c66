// @ts-check
// The whole use of Longhand is in five lines: load (model-choice.js), session and append (shelf.js), ask and the loop over
// the answer (talk.js). All else here is a page.

import { startBudgets } from './budgets.js';
import { startCompare } from './compare.js';
import { desk } from './desk.js';
import { byId } from './dom.js';
import { hideFacts } from './facts.js';
import { showKept, startKept } from './kept.js';
import { BUNDLED, changeModel, firstModel, openModel, startModelChoice } from './model-choice.js';
import { startNeedle } from './needle.js';
import { startFiles } from './next-file.js';
import { cardOf } from './open-text.js';
import { showProblem } from './problems.js';
import { goOn, readText } from './shelf.js';
import { say, setState } from './state.js';
import { startStrip } from './strip.js';
import { startTalk } from './talk.js';
import { textOf } from './text.js';
import { mostBytes, toWindow } from './window.js';

const BOOK = new URL('../books/sherlock.txt', import.meta.url).href;

/** Says what went wrong; what still works stays usable. */
const fail = (/** @type {any} */ error) => {
  showProblem(error);
  if (!desk.model || error?.code === 'engine/lost') {
    say('Reload the page to try again.');
    setState('failed');
    return;
  }
  if (!desk.session) say('Choose a text to read.');
  setState(desk.session ? 'ready' : 'empty');
};

const guarded = (/** @type {() => Promise<void>} */ work) =>
  void work()
    .catch(fail)
    .then(() => showKept())
    .catch(() => undefined);

const takeText = (/** @type {File} */ file) =>
  guarded(() =>
    readText(file.name, async (signal) => {
      const found = await textOf(file, mostBytes(desk.model));
      const plain = await toWindow(desk.model, found.text, signal);
      const share = (found.share * plain.length) / found.text.length;
      return cardOf({ name: file.name, bundled: false, share, plain });
    }),
  );

/** A dropped or chosen file: a model, or a text. */
const take = startFiles(takeText, (file) => guarded(() => changeModel(file)));

byId('read').addEventListener('click', () =>
  guarded(() =>
    readText('The Adventures of Sherlock Holmes', async (signal) => {
      const book = await (await fetch(BOOK, { signal })).text();
      const text = await toWindow(desk.model, book, signal);
      const share = text.length / book.length;
      return cardOf({
        name: 'The Adventures of Sherlock Holmes',
        bundled: true,
        share,
        plain: hideFacts(text),
      });
    }),
  ),
);
byId('file').addEventListener('change', () => {
  take(byId('file').files?.[0]);
  // So that the same file, changed, can be chosen again.
  byId('file').value = '';
});
byId('go-on').addEventListener('click', () => guarded(goOn));
for (const stop of ['stop', 'stop-answer', 'stop-compare']) {
  byId(stop).addEventListener('click', () => desk.running?.abort());
}

document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.dataset.drop = '';
});
for (const end of ['dragleave', 'drop']) {
  document.addEventListener(end, () => delete document.body.dataset.drop);
}
document.addEventListener('drop', (event) => {
  event.preventDefault();
  take(event.dataTransfer?.files[0]);
});

startStrip();
startTalk(guarded);
startNeedle(guarded);
startCompare(guarded);
startModelChoice(guarded);
startKept();
startBudgets(() => guarded(() => openModel(/** @type {string | File} */ (desk.source))));
guarded(() =>
  openModel(firstModel()).catch((error) => {
    // The model of the last visit cannot be had any more: the bundled one can.
    if (firstModel() === BUNDLED || new URL(location.href).searchParams.has('model')) throw error;
    return openModel(BUNDLED).then(() => showProblem(error));
  }),
);
