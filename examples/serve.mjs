#!/usr/bin/env node
// @ts-check
// `npm start`: serves examples/ and dist/ on this machine only, the way a careful site would: cross-origin isolated,
// under a strict content security policy, with ranges. `npm start -- --check` drives the reader example instead. Both
// take another model for it: `--model path`.
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const project = await realpath(join(dirname(fileURLToPath(import.meta.url)), '..'));

/** Folders that are served; nothing else of the project is. */
const served = ['examples', 'dist'];

/** @type {Record<string, string>} */
const mimeTypes = {
  '.css': 'text/css; charset=utf-8',
  '.gguf': 'application/octet-stream',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
};

// Sent with every file, because a worker lives under the policy of its own response. A visitor of the reader may link to
// a model anywhere; all else comes from here.
const policy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self' https:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

const commonHeaders = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * The file that a request path names, or undefined where it names none that is served. Names that begin with a dot
 * are never served, which covers `..` too; links that lead out of the served folders are not followed.
 * @param {string} pathname still percent-encoded
 */
const resolveFile = async (pathname) => {
  let names;
  try {
    names = decodeURIComponent(pathname).split('/').slice(1);
  } catch {
    return undefined;
  }
  if (names.at(-1) === '') names[names.length - 1] = 'index.html';
  if (!served.includes(names[0] ?? '')) return undefined;
  if (names.some((name) => name === '' || name.startsWith('.') || /[\\\0:]/.test(name))) return undefined;
  try {
    const path = await realpath(join(project, ...names));
    const inside = served.some((folder) => (path + sep).startsWith(join(project, folder) + sep));
    const found = await stat(path);
    return inside && (found.isFile() || found.isDirectory()) ? { path, found } : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The bytes that a Range header asks for. Several ranges, and units other than bytes, are answered with the whole.
 * @param {string | undefined} header @param {number} size
 * @returns {'whole' | 'outside' | { first: number, last: number }}
 */
export const parseRange = (header, size) => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return 'whole';
  const [, from, to] = match;
  const suffix = from === '';
  const first = suffix ? Math.max(0, size - Number(to)) : Number(from);
  const last = suffix || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (!suffix && to !== '' && Number(to) < first) return 'whole';
  return first >= size || last < first ? 'outside' : { first, last };
};

/** Where the model that `--model` names is served. */
export const OWN_MODEL = '/model.gguf';

/**
 * @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response
 * @param {string | undefined} model path of the file that is served as OWN_MODEL
 */
const answer = async (request, response, model) => {
  /** @param {number} status @param {string} text @param {Record<string, string>} headers */
  const say = (status, text, headers = {}) => {
    response.writeHead(status, { ...commonHeaders, 'content-type': 'text/plain; charset=utf-8', ...headers });
    response.end(request.method === 'HEAD' ? undefined : `${text}\n`);
  };

  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return say(405, 'Only GET and HEAD.', { allow: 'GET, HEAD' });
  }
  const pathname = (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
  if (pathname === '/') return say(302, 'See /examples/.', { location: '/examples/' });
  const own = model !== undefined && pathname === OWN_MODEL;
  const file = own ? { path: model, found: await stat(model) } : await resolveFile(pathname);
  if (file === undefined) return say(404, 'Not found.');
  if (file.found.isDirectory()) return say(302, 'A folder.', { location: `${pathname}/` });

  const { size, mtimeMs } = file.found;
  const etag = `"${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}"`;
  const headers = {
    ...commonHeaders,
    'accept-ranges': 'bytes',
    'cache-control': 'no-cache',
    'content-type': mimeTypes[extname(file.path).toLowerCase()] ?? 'application/octet-stream',
    etag,
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const changed = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag;
  const range = changed ? 'whole' : parseRange(request.headers.range, size);
  if (range === 'outside') return say(416, 'Range outside.', { 'content-range': `bytes */${size}` });
  const { first, last } = range === 'whole' ? { first: 0, last: size - 1 } : range;
  response.writeHead(range === 'whole' ? 200 : 206, {
    ...headers,
    'content-length': String(last - first + 1),
    ...(range !== 'whole' && { 'content-range': `bytes ${first}-${last}/${size}` }),
  });
  if (request.method === 'HEAD' || size === 0) {
    response.end();
    return;
  }
  const body = createReadStream(file.path, { start: first, end: last });
  body.on('error', () => response.destroy());
  response.on('close', () => body.destroy());
  body.pipe(response);
};

/**
 * Starts the server on the loopback interface.
 * @param {{ port?: number, tries?: number, model?: string | undefined }} [options] `port` 0 takes any free one (the
 * default); `tries` is how many ports upwards may be tried when one is taken; `model` is a file served as OWN_MODEL
 * @returns {Promise<{ address: string, close(): Promise<void> }>} `address` ends in a slash
 */
export const serve = async ({ port = 0, tries = 1, model } = {}) => {
  const server = createServer((request, response) => {
    answer(request, response, model).catch(() => response.destroy());
  });
  for (let attempt = 0; ; attempt++) {
    const taken = await new Promise((resolve, reject) => {
      server.once('error', (/** @type {NodeJS.ErrnoException} */ error) =>
        error.code === 'EADDRINUSE' && attempt + 1 < tries ? resolve(true) : reject(error),
      );
      server.listen(port === 0 ? 0 : port + attempt, '127.0.0.1', () => resolve(false));
    });
    server.removeAllListeners('error');
    if (!taken) break;
  }
  const { port: bound } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    address: `http://localhost:${bound}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** The port that PORT names, which must be free, or the first free one from 8080. */
const choosePort = () => {
  const { PORT } = process.env;
  if (PORT === undefined || PORT === '') return { port: 8080, tries: 20 };
  const port = Number(PORT);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return { port };
  throw new Error(`PORT must be a number from 0 to 65535; it is ${JSON.stringify(PORT)}.`);
};

const main = async () => {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, model: { type: 'string' } } });
  const { model } = values;
  if (model !== undefined && !(await stat(model).catch(() => undefined))?.isFile()) {
    throw new Error(`There is no file ${model}. Name a GGUF file.`);
  }
  if (values.check) {
    const { check } = await import('./check.mjs');
    process.exitCode = (await check(model)) ? 0 : 1;
  } else {
    // The apps bring their own scripts, and parsers. Where those cannot be installed, all else works.
    const apps = { pwa: await import('./pwa/build.mjs'), assistant: await import('./assistant/build.mjs') };
    for (const [app, { build }] of Object.entries(apps))
      await build().catch((/** @type {Error} */ error) =>
        console.error(`examples/${app} was not built: ${error.message}`),
      );
    const { address } = await serve({ ...choosePort(), model });
    console.log(`Longhand's examples: ${address}examples/   (Ctrl+C ends)`);
    if (model) console.log(`The reader with ${model}: ${address}examples/reader/?model=${OWN_MODEL}`);
  }
};

// Not awaited: check.mjs imports this module, and would wait for it to end.
if (process.argv[1] !== undefined && (await realpath(process.argv[1])) === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
