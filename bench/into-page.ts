import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Puts what a bench printed between a page's markers `<!-- name -->` and `<!-- /name -->`, with machine and date. */
export const intoPage = (page: string, name: string, tables: string): void => {
  const text = readFileSync(page, 'utf8');
  const marked = new RegExp(`(<!-- ${name} -->)[\\s\\S]*(<!-- /${name} -->)`);
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, one thread, Node ${process.version}, ${date}.`;
  writeFileSync(
    page,
    text.replace(marked, (_, open, close) => `${open}\n${tables}\n\n${machine}\n${close}`),
  );
  console.log(`${tables}\n\n${machine}`);
};
