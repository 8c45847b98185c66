// @ts-check
import './cap-arrays.js';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
// @ts-expect-error: its one export is not declared
import { WorkerMessageHandler } from 'pdfjs-dist/legacy/build/pdf.worker.mjs';
import { limits } from './limits.js';
import { pageText } from './page-text.js';
import { Unreadable } from './unreadable.js';

// This is a worker already: the reader does its work here, and ends with it.
Object.assign(globalThis, { pdfjsWorker: { WorkerMessageHandler } });

/** Tables of characters for Chinese, Japanese and Korean: one is fetched where a file needs it. */
class Tables {
  async fetch(/** @type {{ name: string }} */ { name }) {
    const found = await fetch(new URL(`./cmaps/${encodeURIComponent(name)}.bcmap`, import.meta.url));
    if (!found.ok) throw new Error(`There is no table ${name}.`);
    return { cMapData: new Uint8Array(await found.arrayBuffer()), isCompressed: true };
  }
}
/** Nothing is drawn. */
class NoFonts {
  async fetch() {
    throw new Error('Nothing is drawn here.');
  }
}

/** @type {import('./extract.js').Read} */
export const read = async (bytes, { most, onProgress }) => {
  const task = getDocument({
    data: bytes,
    CMapReaderFactory: Tables,
    StandardFontDataFactory: NoFonts,
    useWorkerFetch: false,
    isEvalSupported: false,
    enableXfa: false,
    disableFontFace: true,
    useSystemFonts: true,
    useWasm: false,
    isOffscreenCanvasSupported: false,
    isImageDecoderSupported: false,
    maxImageSize: 1,
    verbosity: 0,
  });
  const file = await task.promise.catch((/** @type {Error} */ error) => {
    throw new Unreadable(error.name === 'PasswordException' ? 'locked' : 'damaged', error.message);
  });
  if (file.numPages > limits.parts) throw new Unreadable('large', `${file.numPages} pages.`);
  const described = await file.getMetadata().catch(() => undefined);
  const named = /** @type {{ Title?: unknown } | undefined} */ (described?.info)?.Title;
  let text = '';
  let failed = 0;
  let at = 0;
  for (; at < file.numPages && text.length < most; at++) {
    try {
      const page = await file.getPage(at + 1);
      const { items } = await page.getTextContent();
      const more = pageText(items);
      if (more !== '') text += text === '' ? more : `\n\n${more}`;
      page.cleanup();
    } catch {
      failed++;
    }
    onProgress((at + 1) / file.numPages);
  }
  if (text === '')
    throw new Unreadable(failed > 0 ? 'damaged' : 'pictures', `${failed} of ${at} pages failed.`);
  const title = typeof named === 'string' ? named.trim() : '';
  return { title, text, share: at / file.numPages };
};
