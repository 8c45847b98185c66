/**
 * A module of Node, for the code that also runs there. Its name is put together here: bundlers of pages stop at a
 * `node:` import they can read, even where no page ever comes.
 */
export const nodeModule = <T>(name: string): Promise<T> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ `node:${name}`) as Promise<T>;
