// @ts-check
// The model: the one that comes with the extension, or a GGUF file of the visitor's, copied into the extension's own files.
const NAME = 'model.gguf';

/** @returns {Promise<URL | File>} */
export const modelSource = async () => {
  const folder = await navigator.storage.getDirectory();
  const own = await folder.getFileHandle(NAME).catch(() => undefined);
  return (await own?.getFile()) ?? new URL(NAME, location.href);
};

export const keepModel = async (/** @type {File} */ file) => {
  const folder = await navigator.storage.getDirectory();
  const target = await (await folder.getFileHandle(NAME, { create: true })).createWritable();
  await file.stream().pipeTo(target);
};

/** Back to the one that comes with the extension. */
export const dropModel = async () => {
  const folder = await navigator.storage.getDirectory();
  await folder.removeEntry(NAME).catch(() => undefined);
};
