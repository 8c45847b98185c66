// @ts-check
// A file that comes while something else is going on: it is taken when that has ended.
import { byId } from './dom.js';
import { isState } from './state.js';

/** @type {File | undefined} */
let next;

const isModel = (/** @type {File} */ { name }) => /\.gguf$/i.test(name);
const isFree = (/** @type {File} */ file) =>
  isState('empty', 'ready') || (isModel(file) && isState('failed'));

const show = () => {
  const until = isState('failed')
    ? 'there is a model'
    : isState('reading')
      ? 'this text is read, or stopped'
      : 'this is done';
  byId('next').textContent = next ? `${next.name} is next: it is opened as soon as ${until}.` : '';
};

/** @param {(file: File) => void} open @param {(file: File) => void} openModel */
export const startFiles = (open, openModel) => {
  const take = (/** @type {File} */ file) => {
    next = isFree(file) ? undefined : file;
    show();
    if (!next) (isModel(file) ? openModel : open)(file);
  };
  document.addEventListener('state-changed', () => {
    show();
    // Whatever ended says its own last word first.
    setTimeout(() => {
      if (next && isFree(next)) take(next);
    });
  });
  return (/** @type {File | undefined} */ file) => {
    if (file) take(file);
  };
};
