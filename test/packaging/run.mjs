// @ts-check
// `npm run test:packaging`: what `npm pack` makes, judged by publint and attw, compiled against with both ways to resolve
// modules, run by every Node that is here, built into an app by bundlers and used by a page without one and by one of an
// extension, under a policy that allows scripts of its own and kernels, with and without cross-origin isolation: docs/PACKAGING.md. A name behind it,
// such as `vite`, tries that one alone. Exits 0 or 1.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { install } from '../../examples/install.mjs';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';
import { bundlers, serveVite } from './bundlers.mjs';
import { compile } from './compile.mjs';
import { visitExtension } from './extension.mjs';
import { runInNodes } from './nodes.mjs';
import { pack } from './pack.mjs';
import { recorder, serveFolder } from './serve.mjs';
import { visit } from './visit.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'longhand-packed-'));

/** Files that are no modules: types are asked of none of them. */
const bytesOnly = ['./kernels.wasm', './kernels.relaxed.wasm'];

const judge = (/** @type {string} */ name, /** @type {string} */ script, /** @type {string[]} */ args) => {
  const { status } = spawnSync(process.execPath, [join(here, 'node_modules', script), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${name} objects (exit ${status}); its words are above.`);
};

/** The page's own scripts, as the bundler or we call them. @type {Record<string, string[]>} */
const scripts = { vite: ['index.js'], 'import map': ['app.js', 'index.js'], folder: ['app.js', 'index.js'] };
/** What Vite's server adds to a page, and what it lets the browser keep. */
const DEVELOPING = /^(client|env\.mjs|longhand\.js|model\.gguf)$/;

const inBrowser = async (/** @type {string} */ installed, /** @type {string | undefined} */ only) => {
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
  const seen = recorder(installed);
  const inTime = async (/** @type {string} */ name, /** @type {() => Promise<void>} */ work) => {
    if (only !== undefined && only !== name) return;
    const began = performance.now();
    await work().catch((error) => {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    });
    console.log(`${name}: as it should, ${((performance.now() - began) / 1000).toFixed(1)} s`);
  };
  try {
    for (const [name, build] of Object.entries(bundlers)) {
      await inTime(name, async () => {
        const out = await build(folder);
        for (const isolated of [false, true]) {
          const server = await serveFolder(out, seen, { isolated });
          try {
            await visit(browser, server, seen, { scripts: scripts[name] ?? ['app.js'], isolated });
          } finally {
            server.close();
          }
        }
      });
    }
    await inTime('mv3', () => visitExtension(folder));
    await inTime('vite-dev', async () => {
      const server = await serveVite(folder, seen);
      try {
        await visit(browser, server, seen, { scripts: ['app.js'], isolated: false, ignore: DEVELOPING });
      } finally {
        await server.close();
      }
    });
  } finally {
    await browser.close();
  }
};

try {
  const [only] = process.argv.slice(2);
  if (!install(here)) throw new Error('What packs and judges could not be installed; npm says why, above.');
  const { tarball, installed, files } = pack(folder);
  console.log(`${files.length} files`);
  if (only === undefined) {
    judge('publint', 'publint/src/cli.js', ['run', tarball, '--strict']);
    judge('attw', '@arethetypeswrong/cli/dist/index.js', [
      tarball,
      ...['--profile', 'esm-only', '--format', 'table-flipped', '--exclude-entrypoints', ...bytesOnly],
    ]);
    console.log(`Its types: ${(await compile(folder)).join(', ')}.`);
    for (const said of runInNodes(folder)) console.log(said);
  }
  await inBrowser(installed, only);
  console.log('The package works as it is packed.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
