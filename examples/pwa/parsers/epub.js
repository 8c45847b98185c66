// @ts-check
import { unzipSync } from 'fflate';
import { Parser } from 'htmlparser2';
import { decode } from './decode.js';
import { limits } from './limits.js';
import { plainText } from './plain-text.js';
import { Unreadable } from './unreadable.js';

/** Chapters unpacked at once: between them the text may be long enough. */
const AT_ONCE = 16;

/** @typedef {{ name: string, attributes: Record<string, string>, text: string }} Element */

/** Elements of a small XML file by their local names, in order. @param {string} xml @returns {Element[]} */
const elementsOf = (xml) => {
  /** @type {Element[]} */
  const found = [];
  /** @type {Element | undefined} */
  let open;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        open = { name: name.replace(/^.*:/, ''), attributes, text: '' };
        found.push(open);
      },
      ontext(text) {
        if (open) open.text += text;
      },
      onclosetag() {
        open = undefined;
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.write(xml);
  parser.end();
  return found;
};

/** A reference in an archive as the name of an entry. It may lead nowhere, but never out of the archive. */
const entryAt = (/** @type {string} */ href, /** @type {string} */ from) => {
  try {
    return decodeURIComponent(new URL(href, `http://archive/${from}`).pathname.slice(1));
  } catch {
    return '';
  }
};

/** Opens an archive by its table; entries are unpacked when they are asked for. @param {Uint8Array} bytes */
const openArchive = (bytes) => {
  /** @type {Map<string, number>} */
  const sizes = new Map();
  let entries = 0;
  const unzip = (/** @type {import('fflate').UnzipFileFilter} */ filter) => {
    try {
      return unzipSync(bytes, { filter });
    } catch (error) {
      if (error instanceof Unreadable) throw error;
      throw new Unreadable('damaged', String(error));
    }
  };
  unzip(({ name, originalSize }) => {
    if (++entries > limits.parts) throw new Unreadable('large', `More than ${limits.parts} entries.`);
    sizes.set(name, originalSize);
    return false;
  });
  let unpacked = 0;
  return (/** @type {string[]} */ names) => {
    const wanted = new Set(names);
    for (const name of wanted) {
      const size = sizes.get(name) ?? 0;
      unpacked += size;
      if (size > limits.partBytes || unpacked > limits.unpackedBytes)
        throw new Unreadable('large', `${name} unpacks to ${size} bytes.`);
    }
    // Whatever a table says of a size, no more than that is written.
    const found = unzip(({ name, originalSize }) => wanted.has(name) && originalSize <= limits.partBytes);
    return (/** @type {string} */ name) => found[name];
  };
};

/** @type {import('./extract.js').Read} */
export const read = async (bytes, { most, onProgress }) => {
  const open = openArchive(bytes);
  const textAt = (/** @type {string} */ name) => {
    const found = open([name])(name);
    if (!found) throw new Unreadable('damaged', `${name} is missing.`);
    return decode(found);
  };
  const container = elementsOf(textAt('META-INF/container.xml'));
  const book = entryAt(container.find(({ name }) => name === 'rootfile')?.attributes['full-path'] ?? '', '');
  const parts = elementsOf(textAt(book));
  const metadata = (/** @type {string} */ wanted) =>
    parts
      .find(({ name }) => name === wanted)
      ?.text.replace(/\s+/g, ' ')
      .trim() ?? '';
  const items = new Map(
    parts.flatMap(({ name, attributes: { id, href } }) =>
      name === 'item' && id && href ? [/** @type {[string, string]} */ ([id, entryAt(href, book)])] : [],
    ),
  );
  const chapters = parts.flatMap(({ name, attributes: { idref, linear } }) =>
    name === 'itemref' && linear !== 'no' ? (items.get(idref ?? '') ?? []) : [],
  );

  const sealed = open(['META-INF/encryption.xml'])('META-INF/encryption.xml');
  const locked = new Set(
    sealed ? elementsOf(decode(sealed)).map(({ attributes }) => entryAt(attributes.URI ?? '', '')) : [],
  );
  if (chapters.some((chapter) => locked.has(chapter))) throw new Unreadable('locked');

  let text = '';
  let at = 0;
  for (; at < chapters.length && text.length < most; at += AT_ONCE) {
    const batch = chapters.slice(at, at + AT_ONCE);
    const unpacked = open(batch);
    for (const chapter of batch) {
      const found = unpacked(chapter);
      if (!found) continue;
      const { text: more } = plainText(decode(found), most - text.length);
      if (more !== '') text += text === '' ? more : `\n\n${more}`;
    }
    onProgress(Math.min(1, (at + AT_ONCE) / chapters.length));
  }
  const [title, author] = [metadata('title'), metadata('creator')];
  return {
    title: author && title ? `${title}, ${author}` : title,
    text,
    share: Math.min(1, at / Math.max(1, chapters.length)),
  };
};
