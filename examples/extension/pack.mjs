#!/usr/bin/env node
// @ts-check
// `node examples/extension/pack.mjs`: puts the extension together in build/extension, to be loaded unpacked or zipped for a
// store. Everything that it runs lies in that folder; nothing is fetched from anywhere. `node build.mjs` must have run.
import { copyFileSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { install } from '../install.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');

/** The SDK as it is published: its files fetch each other as siblings, so they stay as they are. */
const sdk = [
  ...[
    'index.js',
    'worker.js',
    'thread.js',
    'reads.js',
    'constraint.js',
    'transfer.js',
    'retrieval.js',
    'webgpu.js',
  ],
  ...['kernels.wasm', 'kernels.relaxed.wasm', 'shaders.json'],
];
const sdkInPlace = {
  name: 'sdk-in-place',
  setup: (/** @type {esbuild.PluginBuild} */ build) =>
    build.onResolve({ filter: /\/dist\/index\.js$/ }, () => ({
      path: './longhand/index.js',
      external: true,
    })),
};

/** @param {string} [out] the folder, made anew. Returns it. */
export const pack = async (out = join(root, 'build/extension')) => {
  if (!install(here))
    throw new Error('What the extension needs could not be installed; npm says why, above.');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(join(out, 'longhand'), { recursive: true });
  /** @type {esbuild.BuildOptions} */
  const settings = {
    bundle: true,
    outdir: out,
    logLevel: 'warning',
    target: 'chrome116',
    legalComments: 'inline',
  };
  await esbuild.build({
    ...settings,
    entryPoints: ['background.js', 'engine.js', 'panel.js', 'panel.css', 'highlight.css'].map((name) =>
      join(here, name),
    ),
    format: 'esm',
    plugins: [sdkInPlace],
  });
  await esbuild.build({
    ...settings,
    entryPoints: { page: join(here, 'page/index.js') },
    format: 'iife',
    globalName: 'longhandPage',
  });
  for (const file of sdk) copyFileSync(join(root, 'dist', file), join(out, 'longhand', file));
  for (const file of ['manifest.json', 'panel.html', 'engine.html'])
    copyFileSync(join(here, file), join(out, file));
  for (const size of [16, 32, 48, 128])
    copyFileSync(join(here, `icon-${size}.png`), join(out, `icon-${size}.png`));
  copyFileSync(join(root, 'examples/models/book-reader-5m-Q8_0.gguf'), join(out, 'model.gguf'));
  copyFileSync(join(root, 'LICENSE'), join(out, 'LICENSE'));
  copyFileSync(
    join(here, 'node_modules/@mozilla/readability/LICENSE.md'),
    join(out, 'LICENSE-readability.md'),
  );
  return out;
};

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const out = await pack(process.argv[2]);
  console.log(
    `${basename(out)} is put together: open chrome://extensions, switch on developer mode, load ${out}.`,
  );
}
