// @ts-check
// The shelf as it is seen: a cover for each text.
import { byId, make } from '../reader/dom.js';
import { bytes, count, percent } from '../reader/numbers.js';
import { jobOf, jobs } from './reading.js';
import { volumes } from './shelf.js';

const KINDS = /** @type {Record<string, string>} */ ({
  text: 'Text',
  markdown: 'Markdown',
  html: 'Web page',
  epub: 'Book',
  pdf: 'PDF',
  longhand: 'Taken in',
});
export const kindInWords = (/** @type {string} */ kind) => KINDS[kind] ?? 'File';

/** Covers have the colour of their name, always the same one. @param {string} name */
const hueOf = (name) => {
  let hue = 7;
  for (const letter of name) hue = (hue * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  return (hue * 137) % 360;
};

/** @param {import('./shelf.js').Volume} volume */
const noteOf = ({ tokens, restorable, bytes: room, id }) => {
  const job = jobOf(id);
  if (job) return job.note;
  if (tokens === 0) return 'Not read yet';
  if (restorable < tokens) return `${count(tokens - restorable)} of ${count(tokens)} tokens to read again`;
  return `${count(tokens)} tokens, ${bytes(room)}`;
};

/**
 * @param {{ id: string, name: string, kind: string }} text @param {string} note
 * @param {import('./reading.js').Job} [job]
 */
const cover = ({ id, name, kind }, note, job) => {
  const bar = make('progress', { max: 1, value: job?.share ?? 0, hidden: !job });
  bar.ariaLabel = `${name}, read`;
  const small = make('small', { textContent: note, id: `note-${id}` });
  const face = make(
    'span',
    { className: 'face' },
    make('span', { className: 'kind', textContent: kindInWords(kind) }),
    make('span', { className: 'name', textContent: name, title: name, dir: 'auto' }),
    bar,
  );
  face.style.setProperty('--hue', String(hueOf(name)));
  const link = make('a', { className: 'cover', href: `#${encodeURIComponent(id)}` }, face);
  link.setAttribute('aria-describedby', small.id);
  const entry = make('li', {}, link, small);
  entry.dataset.id = id;
  entry.dataset.state = job ? 'reading' : 'still';
  return entry;
};

/** Draws all covers again; the keyboard stays on the one it was on. */
export const showCovers = async () => {
  const standing = await volumes();
  const at = document.activeElement?.closest('#shelf li')?.getAttribute('data-id');
  const coming = jobs.filter(({ id }) => !standing.some((volume) => volume.id === id));
  const entries = [
    ...coming.map((job) => cover(job, job.note, job)),
    ...standing.map((volume) => {
      const entry = cover(volume, noteOf(volume), jobOf(volume.id));
      const read = volume.tokens > 0 && volume.restorable === volume.tokens;
      if (entry.dataset.state === 'still') entry.dataset.state = read ? 'read' : 'unread';
      return entry;
    }),
  ];
  byId('shelf').replaceChildren(...entries);
  byId('promise').hidden = entries.length > 0;
  byId('volumes').textContent = entries.length > 0 ? count(entries.length) : '';
  if (at)
    byId('shelf')
      .querySelector(`li[data-id="${CSS.escape(at)}"] a`)
      ?.focus();
};

document.addEventListener('job-progress', (event) => {
  const job = /** @type {CustomEvent<import('./reading.js').Job>} */ (event).detail;
  const entry = byId('shelf').querySelector(`li[data-id="${CSS.escape(job.id)}"]`);
  if (!entry) return;
  entry.querySelector('progress').value = job.share;
  entry.querySelector('small').textContent = job.share > 0 ? `${percent(job.share)} read` : job.note;
});
