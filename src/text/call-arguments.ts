import type { CallStyle } from './call-form.js';

/** JSON as Python's writes it, which templates of models come from: a space behind commas and colons. */
export const spaced = (value: unknown): string =>
  JSON.stringify(value, null, 1)
    .replace(/([[{])\n\s*/g, '$1')
    .replace(/\n\s*([\]}])/g, '$1')
    .replace(/\n\s*/g, ' ');

/** A value as Python writes it: text is JSON's, which Python reads the same. */
const inPython = (value: unknown): string => {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(inPython).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${inPython(one)}`);
  return `{${entries.join(', ')}}`;
};

/** The arguments of an earlier call, between its name and its end. */
export const writeArguments = ({ written }: CallStyle, given: Readonly<Record<string, unknown>>): string => {
  const entries = Object.entries(given);
  if (written === 'python') return entries.map(([name, value]) => `${name}=${inPython(value)}`).join(', ');
  if (written !== 'xml') return spaced(given);
  return entries
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : spaced(value);
      return `<parameter=${name}>\n${text}\n</parameter>\n`;
    })
    .join('');
};
