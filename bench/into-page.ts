import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const here = (): string => {
  const date = new Date().toISOString().slice(0, 10);
  return `${cpus()[0]?.model.trim()}, ${cpus().length} cores, one thread, Node ${process.version}, ${date}.`;
};

/**
 * Puts what a bench printed between a page's markers `<!-- name -->` and `<!-- /name -->`, with what it was made on
 * (default: one thread of this machine, today).
 */
export const intoPage = (page: string, name: string, tables: string, made = here()): void => {
  const text = readFileSync(page, 'utf8');
  const marked = new RegExp(`(<!-- ${name} -->)[\\s\\S]*(<!-- /${name} -->)`);
  if (!marked.test(text)) throw new Error(`${page} has no place marked ${name}.`);
  writeFileSync(
    page,
    text.replace(marked, (_, open, close) => `${open}\n${tables}\n${made && `\n${made}\n`}${close}`),
  );
  console.log(`${tables}\n\n${made}`);
};
