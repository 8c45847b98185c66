let asked = false;

/**
 * Ask the browser to keep what is stored until the user deletes it: once for each page, since Firefox asks the user.
 * Nobody waits for the answer, which may take as long as people do; `stats().persisted` tells it. Only a page may ask, so
 * an engine that runs in a worker of the application's own does not.
 */
export const askToPersist = (): void => {
  const { storage } = globalThis.navigator ?? {};
  if (asked || !storage?.persist) return;
  asked = true;
  storage.persist().catch(() => undefined);
};
