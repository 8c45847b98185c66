// @ts-check
// What the installable examples have in common: scripts, the engine and a list of all files, into their dist/.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import * as esbuild from 'esbuild';

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

/**
 * Builds an app in its folder. Its service worker keeps exactly the files that `dist/files.js` lists; a change of any of them
 * is a new version.
 * @param {string} folder
 * @param {{ name: string, entryPoints: Record<string, string>, engine?: string[] }} app `name`: the global of the list;
 * `engine`: files of the SDK that it needs besides
 */
export const buildApp = async (folder, { name, entryPoints, engine = [] }) => {
  const at = (/** @type {string[]} */ ...parts) => join(folder, ...parts);
  rmSync(at('dist'), { recursive: true, force: true });
  mkdirSync(at('dist'), { recursive: true });
  await esbuild.build({
    absWorkingDir: folder,
    entryPoints,
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    logLevel: 'warning',
  });
  for (const file of [...ENGINE, ...engine]) cpSync(at('../../dist', file), at('dist', file));
  const pages = [
    'index.html',
    'manifest.webmanifest',
    ...readdirSync(at('icons')).map((icon) => `icons/${icon}`),
  ];
  const built = readdirSync(at('dist'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
  const files = [...pages, ...built].sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(at(file)));
  const version = hash.digest('hex').slice(0, 16);
  writeFileSync(at('dist/files.js'), `self.${name} = ${JSON.stringify({ version, files })};\n`);
  return { files, version };
};
