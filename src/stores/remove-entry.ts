/** Milliseconds. */
const PAUSE = 20;

/**
 * Removes what a folder has under a name, if need be in several tries: a file that was closed, or that another tab or a thread that ended
 * had open, can be removed a moment later. Resolves to why it could not be, or to `undefined`; what is not there is gone.
 */
export const removeEntry = async (
  folder: FileSystemDirectoryHandle,
  name: string,
  { tries, ...how }: FileSystemRemoveOptions & { readonly tries: number },
): Promise<Error | undefined> => {
  for (let tried = 1; ; tried++) {
    const refusal = await folder.removeEntry(name, how).then(
      () => undefined,
      (error: Error) => error,
    );
    if (refusal === undefined || refusal.name === 'NotFoundError') return undefined;
    if (refusal.name !== 'NoModificationAllowedError' || tried === tries) return refusal;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};
