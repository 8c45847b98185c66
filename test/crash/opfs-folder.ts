/** What lies in the folder of an `opfs` store, seen from outside. */

const folders = async () => (await navigator.storage.getDirectory()).getDirectoryHandle('longhand-kv');
const nameOf = (database: string): string => `=${encodeURIComponent(database)}`;

const request = <T>(asked: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });

/** Files that only the folder or only the index knows, and files without a value. */
export const filesOf = async (database: string): Promise<string[]> => {
  const folder = (await (await folders()).getDirectoryHandle(nameOf(database))) as unknown as {
    keys(): AsyncIterable<string>;
  };
  const there: string[] = [];
  for await (const name of folder.keys()) there.push(name);
  const db = await request(indexedDB.open(`${database} opfs`));
  const files = db.transaction('files').objectStore('files');
  const [names, rows] = await Promise.all([request(files.getAllKeys()), request(files.getAll())]);
  db.close();
  return [
    ...there.filter((name) => !names.includes(name)).map((name) => `no index names ${name}`),
    ...names.filter((name) => !there.includes(name as string)).map((name) => `${name} is gone`),
    ...names.filter((_, n) => rows[n].live === 0).map((name) => `${name} holds nothing`),
  ];
};

export const removeDatabase = async (store: 'idb' | 'opfs', database: string): Promise<void> => {
  await request(indexedDB.deleteDatabase(store === 'opfs' ? `${database} opfs` : database));
  if (store === 'opfs') await (await folders()).removeEntry(nameOf(database), { recursive: true });
};
