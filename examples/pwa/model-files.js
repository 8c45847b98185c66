// @ts-check
// Models that the visitor chose as files. The SDK keeps what it loads from an address; a file is the page's to keep.

const FOLDER = 'shelf-models';
const folder = async () =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

/** A copy on this device, one at a time; where there can be none, the file itself. @param {File} file */
export const keepModelFile = async (file) => {
  try {
    await forgetModelFiles();
    const kept = await (await folder()).getFileHandle(file.name, { create: true });
    await file.stream().pipeTo(await kept.createWritable());
    return { file: await kept.getFile(), kept: true };
  } catch {
    return { file, kept: false };
  }
};

/** @param {string} name @returns {Promise<File | undefined>} */
export const keptModelFile = async (name) => {
  try {
    return await (await (await folder()).getFileHandle(name)).getFile();
  } catch {
    return undefined;
  }
};

export const forgetModelFiles = async () => {
  await (await navigator.storage.getDirectory())
    .removeEntry(FOLDER, { recursive: true })
    .catch(() => undefined);
};
