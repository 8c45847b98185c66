// @ts-check
// `node examples/pwa/build.mjs`: everything that index.html and sw.js load, into dist/. The folder can then be served by
// anything, with the bundled model beside it.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { install } from '../install.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const at = (/** @type {string[]} */ ...parts) => join(folder, ...parts);
/** Of the SDK beside its main script, which is bundled: it finds these beside itself. */
const ENGINE = [
  'worker.js',
  'thread.js',
  'reads.js',
  'webgpu.js',
  'shaders.json',
  'kernels.wasm',
  'kernels.relaxed.wasm',
];
/** Fetched when a PDF needs one of them, and then kept: most never do. */
const ON_DEMAND = 'cmaps';

/** Builds the app; rejects where its parsers cannot be installed. */
export const build = async () => {
  if (!install(folder)) throw new Error('The parsers of the reading shelf could not be installed.');
  rmSync(at('dist'), { recursive: true, force: true });
  mkdirSync(at('dist'), { recursive: true });
  await esbuild.build({
    absWorkingDir: folder,
    entryPoints: { app: 'app.js', parse: 'parsers/parse.js', shelf: 'shelf.css' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    logLevel: 'warning',
  });
  for (const file of ENGINE) cpSync(at('../../dist', file), at('dist', file));
  cpSync(at('node_modules/pdfjs-dist/cmaps'), at('dist', ON_DEMAND), { recursive: true });

  // What the service worker keeps: a change of any of it is a new version.
  const pages = [
    'index.html',
    'manifest.webmanifest',
    ...readdirSync(at('icons')).map((name) => `icons/${name}`),
  ];
  const built = readdirSync(at('dist'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.startsWith(`dist/${ON_DEMAND}/`));
  const files = [...pages, ...built].sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(at(file)));
  const version = hash.digest('hex').slice(0, 16);
  writeFileSync(at('dist/files.js'), `self.SHELF = ${JSON.stringify({ version, files })};\n`);
  return { files, version };
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { files, version } = await build();
  console.log(`examples/pwa: ${files.length} files, version ${version}`);
}
