/**
 * `strftime_now` of chat templates at one moment: Python's notation, English, local time. One clock serves all renderings
 * of a template, which must not differ because a second, or a day, has passed between them.
 */
export const stoppedClock =
  (now: Date) =>
  (format: unknown): string => {
    const two = (value: number): string => String(value).padStart(2, '0');
    const month = (length: 'long' | 'short'): string => now.toLocaleString('en-US', { month: length });
    const weekday = (length: 'long' | 'short'): string => now.toLocaleString('en-US', { weekday: length });
    const fields: Readonly<Record<string, () => string>> = {
      Y: () => String(now.getFullYear()),
      m: () => two(now.getMonth() + 1),
      d: () => two(now.getDate()),
      b: () => month('short'),
      B: () => month('long'),
      a: () => weekday('short'),
      A: () => weekday('long'),
      H: () => two(now.getHours()),
      M: () => two(now.getMinutes()),
      S: () => two(now.getSeconds()),
      '%': () => '%',
    };
    return String(format).replace(/%([YmdbBaAHMS%])/g, (_, name: string) => fields[name]!());
  };
