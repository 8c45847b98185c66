// @ts-check
// Files come by a button or are dropped anywhere on the page.
import { byId } from './dom.js';

/** @param {(files: File[]) => void} take */
export const takeFiles = (take) => {
  byId('add').addEventListener('change', () => {
    const chosen = [...(byId('add').files ?? [])];
    take(chosen);
    byId('add').value = '';
  });
  for (const [event, over] of Object.entries({ dragover: true, dragleave: false, drop: false })) {
    document.addEventListener(event, (happened) => {
      happened.preventDefault();
      document.body.toggleAttribute('data-drop', over);
      if (happened instanceof DragEvent && event === 'drop') take([...(happened.dataTransfer?.files ?? [])]);
    });
  }
};
