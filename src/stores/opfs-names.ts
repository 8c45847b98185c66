/** Where the files of a database lie in the origin-private file system. Never '.' or '..', whatever it is called. */
export const filesFolder = (database: string): { readonly folder: string; readonly name: string } => ({
  folder: 'longhand-kv',
  name: `=${encodeURIComponent(database)}`,
});

/** The IndexedDB database that says where in them values lie. */
export const opfsDatabase = (database: string): string => `${database} opfs`;
