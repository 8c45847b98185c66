/** Yields read(from) … read(to − 1) in order, with the next one already under way while a value is being used. */
export async function* readAhead<T>(
  from: number,
  to: number,
  read: (index: number) => Promise<T>,
): AsyncGenerator<T, void, void> {
  const start = (index: number): Promise<T> => {
    const started = read(index);
    // Whoever stops early never awaits it; its failure is then nobody's.
    started.catch(() => undefined);
    return started;
  };
  let next = from < to ? start(from) : undefined;
  for (let index = from; next; index++) {
    const value: T = await next;
    next = index + 1 < to ? start(index + 1) : undefined;
    yield value;
  }
}
