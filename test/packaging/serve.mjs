// @ts-check
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, extname, join } from 'node:path';
import { root } from './pack.mjs';

export const MODEL = join(root, 'examples/models/book-reader-5m-Q8_0.gguf');

/** @type {Record<string, string>} */
const mimeTypes = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
};

const sha256 = (/** @type {Buffer | string} */ bytes) => createHash('sha256').update(bytes).digest('base64');

/** Without the hash that Vite puts behind a name, or what webpack puts around it. @param {string} pathname */
const plainName = (pathname) =>
  pathname === '/'
    ? '/'
    : basename(pathname)
        .replace(/-[\w-]{8}(?=\.\w+$)/, '')
        .replace(/^.*longhand_dist_(\w+)_js\..*$/, '$1.js');

/**
 * What the pages under test ask for. A file of the package is called by its own name, whatever a bundler made of it.
 * @param {string} installed folder of the package
 */
export const recorder = (installed) => {
  const dist = join(installed, 'dist');
  const ours = new Map(
    readdirSync(dist, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [sha256(readFileSync(join(dist, name))), name]),
  );
  /** @type {string[]} */
  let asked = [];
  return {
    /** @param {string} pathname @param {Buffer | boolean} answered what with, where it is known, or whether at all */
    note: (pathname, answered) => {
      const known = typeof answered === 'object' ? ours.get(sha256(answered)) : undefined;
      asked.push(answered ? (known ?? plainName(pathname)) : `missing: ${pathname}`);
    },
    /** Whether all of these were asked for. @param {string[]} names */
    has: (names) => names.every((name) => asked.includes(name)),
    /** Names since the last call, each once. */
    take: () => {
      const names = [...new Set(asked)].sort();
      asked = [];
      return names;
    },
  };
};

/** @typedef {ReturnType<typeof recorder>} Recorder */

/**
 * Serves a folder under a policy that allows scripts of its own and kernels, and nothing else.
 * @param {string} folder @param {Recorder} seen @param {{ isolated: boolean }} how
 */
export const serveFolder = async (folder, seen, { isolated }) => {
  const index = readFileSync(join(folder, 'index.html'), 'utf8');
  // An import map is a script too: it is allowed by what is in it.
  const inline = [...index.matchAll(/<script type="importmap">([\s\S]*?)<\/script>/g)];
  const hashes = inline.map(([, text = '']) => `'sha256-${sha256(text)}'`);
  const scripts = ["'self'", "'wasm-unsafe-eval'", ...hashes].join(' ');
  const policy = `default-src 'none'; script-src ${scripts}; connect-src 'self'; worker-src 'self'; img-src data:`;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname === '/model.gguf' ? MODEL : join(folder, pathname.replace(/\/$/, '/index.html'));
    if (pathname.includes('..') || !statSync(path, { throwIfNoEntry: false })?.isFile()) {
      seen.note(pathname, false);
      response.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(path);
    seen.note(pathname, bytes);
    const type = mimeTypes[extname(path)] ?? 'application/octet-stream';
    response.writeHead(200, {
      'content-security-policy': policy,
      'content-type': type,
      'content-length': bytes.length,
      ...(isolated && isolation),
    });
    response.end(bytes);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    address: `http://127.0.0.1:${port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
