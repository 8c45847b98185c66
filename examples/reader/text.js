// @ts-check
/** The encoding of a file's first bytes, or nothing when they are no text. @param {Uint8Array} bytes */
export const encodingOf = (bytes) => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes.includes(0)) return undefined;
  try {
    // The end may fall into the middle of a character.
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return 'utf-8';
  } catch {
    return 'windows-1252';
  }
};

/**
 * The beginning of a file as text, at most `most` bytes of it, so that no file is too large; and the share of the file
 * that is. Rejects in words for the reader when there is nothing to read.
 * @param {File} file @param {number} most
 */
export const textOf = async (file, most) => {
  const kind = /\.(pdf|docx?|odt|rtf|epub|mobi)$/i.exec(file.name)?.[1];
  if (kind) {
    throw new Error(
      `${file.name} is no plain text (${kind.toUpperCase()}). Save it as plain text (.txt or .md) and choose that.`,
    );
  }
  const bytes = new Uint8Array(await file.slice(0, most).arrayBuffer());
  const encoding = encodingOf(bytes);
  if (!encoding) throw new Error(`${file.name} is no text. Choose a text file (.txt or .md).`);
  const text = new TextDecoder(encoding).decode(bytes);
  if (text.trim() === '') throw new Error(`${file.name} is empty. Choose a text with something in it.`);
  return { text, share: bytes.length / file.size };
};

/** A short mark of a text, so that a changed text under an old name is another session (FNV-1a). @param {string} text */
export const markOf = (text) => {
  let mark = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) mark = Math.imul(mark ^ text.charCodeAt(i), 0x01000193);
  return `${text.length}-${(mark >>> 0).toString(36)}`;
};
