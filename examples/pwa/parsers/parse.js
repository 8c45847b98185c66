// @ts-check
// The script of the worker that takes files apart. Each kind's parser is fetched when the first file of that kind comes.
// There is no document here: nothing in a file can run, load or show anything.
import { kindOf } from './kind-of.js';
import { limits } from './limits.js';
import { Unreadable } from './unreadable.js';

/** @typedef {import('./extract.js').Read} Read */

/** @type {Record<import('./kind-of.js').Kind, () => Promise<{ read: Read }>>} */
const parsers = {
  text: () => import('./text.js'),
  markdown: () => import('./markdown.js'),
  html: () => import('./html.js'),
  epub: () => import('./epub.js'),
  pdf: () => import('./pdf.js'),
};

const work = async (/** @type {File} */ file, /** @type {number} */ most) => {
  if (file.size > limits.fileBytes) throw new Unreadable('large', `${file.size} bytes.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes.length === 0) throw new Unreadable('empty');
  const kind = kindOf(file.name, bytes);
  if (!kind) throw new Unreadable('kind');
  const { read } = await parsers[kind]().catch((error) => {
    throw new Unreadable('parser', String(error));
  });
  postMessage({ share: 0 });
  const found = await read(bytes, { most, onProgress: (share) => postMessage({ share }) });
  if (found.text.trim() === '') throw new Unreadable('empty');
  return { ...found, kind };
};

addEventListener('message', async ({ data: { file, most } }) => {
  try {
    postMessage({ found: await work(file, most) });
  } catch (error) {
    const code = error instanceof Unreadable ? error.code : 'damaged';
    postMessage({ code, detail: error instanceof Error ? error.message : String(error) });
  }
});
