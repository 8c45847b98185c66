/** `strftime_now` of chat templates: the date of now in Python's notation, English, local time. */
export const formatNow = (format: unknown): string => {
  const now = new Date();
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
