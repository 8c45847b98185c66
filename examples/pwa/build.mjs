// @ts-check
// `node examples/pwa/build.mjs`: everything that index.html and sw.js load, into dist/. The folder can then be served by
// anything, with the bundled model beside it.
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildApp } from '../build-app.mjs';
import { install } from '../install.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
/** Fetched when a PDF needs one of them, and then kept: most never do. */
const ON_DEMAND = 'cmaps';

/** Builds the app; rejects where its parsers cannot be installed. */
export const build = async () => {
  if (!install(folder)) throw new Error('The parsers of the reading shelf could not be installed.');
  const built = await buildApp(folder, {
    name: 'SHELF',
    entryPoints: { app: 'app.js', parse: 'parsers/parse.js', shelf: 'shelf.css' },
    engine: ['transfer.js', 'retrieval.js'],
  });
  cpSync(join(folder, 'node_modules/pdfjs-dist/cmaps'), join(folder, 'dist', ON_DEMAND), { recursive: true });
  return built;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { files, version } = await build();
  console.log(`examples/pwa: ${files.length} files, version ${version}`);
}
