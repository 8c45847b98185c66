// @ts-check
/** @typedef {'text' | 'markdown' | 'html' | 'epub' | 'pdf'} Kind */

const latin1 = new TextDecoder('windows-1252');

/**
 * What a file is: by its first bytes, and where those are plain text by its name. Nothing where it cannot be read.
 * @param {string} name @param {Uint8Array} head @returns {Kind | undefined}
 */
export const kindOf = (name, head) => {
  const start = latin1.decode(head.subarray(0, 1024));
  if (start.includes('%PDF-')) return 'pdf';
  if (start.startsWith('PK\x03\x04'))
    return /\.epub$/i.test(name) || start.includes('application/epub+zip') ? 'epub' : undefined;
  if (/\.(docx?|odt|rtf|mobi|azw3?|gguf|pdf|epub)$/i.test(name)) return undefined;
  if (/\.(x?html?|xht)$/i.test(name) || /^\s*(<!doctype html|<html)\b/i.test(start)) return 'html';
  return /\.(md|markdown)$/i.test(name) ? 'markdown' : 'text';
};
