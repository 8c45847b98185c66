// @ts-check
// `npm run test:packaging`: what `npm pack` makes, judged by publint and attw, and used by a page without a bundler: an import
// map, a policy that allows scripts of its own and kernels, no cross-origin isolation. Exits 0 or 1.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { install } from '../../examples/install.mjs';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const folder = mkdtempSync(join(tmpdir(), 'longhand-packed-'));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Files that are no modules: types are asked of none of them. */
const bytesOnly = ['./kernels.wasm', './kernels.relaxed.wasm'];

const pack = () => {
  // What `prepack` would do is done by now.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename, files }] = JSON.parse(execFileSync(npm, args, { cwd: root, encoding: 'utf8' }));
  console.log(`${filename}: ${files.length} files`);
  execFileSync('tar', ['-xzf', filename], { cwd: folder });
  return join(folder, filename);
};

const judge = (/** @type {string} */ name, /** @type {string} */ script, /** @type {string[]} */ args) => {
  const { status } = spawnSync(process.execPath, [join(here, 'node_modules', script), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${name} objects (exit ${status}); its words are above.`);
};

const map = JSON.stringify({ imports: { longhand: '/package/dist/index.js' } });
const digest = createHash('sha256').update(map).digest('base64');
const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-${digest}'; connect-src 'self'`;
const page = `<!doctype html><title>Packed</title><script type="importmap">${map}</script><script type="module" src="/page.js"></script>`;
const script = `import { load } from 'longhand';
const model = await load('/model.gguf');
const session = await model.session();
await session.append('The brass key is hidden in the attic. Nora Quill lives in Bergen.');
const answer = await session.ask('Where is the brass key?').text();
globalThis.outcome = { answer, isolated: crossOriginIsolated, threads: model.info.threads };
`;

const use = async () => {
  const texts = /** @type {Record<string, string>} */ ({ '/': page, '/page.js': script });
  const types = /** @type {Record<string, string>} */ ({
    '.js': 'text/javascript',
    '.wasm': 'application/wasm',
    '': 'text/html',
  });
  /** @type {string[]} */
  const missing = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file =
      pathname === '/model.gguf'
        ? join(root, 'examples/models/book-reader-5m-Q8_0.gguf')
        : join(folder, pathname);
    const headers = {
      'content-security-policy': policy,
      'content-type': types[extname(pathname)] ?? 'application/octet-stream',
    };
    const text = texts[pathname];
    if (text !== undefined) return response.writeHead(200, headers).end(text);
    if (pathname.includes('..') || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      missing.push(pathname);
      return response.writeHead(404).end();
    }
    response.writeHead(200, headers);
    return createReadStream(file).pipe(response);
  }).listen(0, '127.0.0.1');
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
  try {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const visited = await browser.newPage();
    /** @type {string[]} */
    const complaints = [];
    visited.on('pageerror', (error) => complaints.push(String(error)));
    visited.on('requestfailed', (request) => complaints.push(request.url()));
    await visited.goto(`http://127.0.0.1:${port}/`);
    await visited.waitForFunction(() => 'outcome' in globalThis, undefined, { timeout: 60_000 });
    const outcome = await visited.evaluate(() => /** @type {any} */ (globalThis).outcome);
    console.log(outcome);
    const unknown = missing.filter((path) => path !== '/favicon.ico');
    if (unknown.length > 0 || complaints.length > 0) throw new Error([...unknown, ...complaints].join('\n'));
    if (!outcome.answer.includes('attic') || outcome.isolated || outcome.threads !== 1) {
      throw new Error('The page without a bundler does not do what it should.');
    }
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
};

try {
  if (!install(here)) throw new Error('The judges could not be installed; npm says why, above.');
  const packed = pack();
  judge('publint', 'publint/src/cli.js', ['run', packed, '--strict']);
  judge('attw', '@arethetypeswrong/cli/dist/index.js', [
    packed,
    ...['--profile', 'esm-only', '--format', 'table-flipped', '--exclude-entrypoints', ...bytesOnly],
  ]);
  await use();
  console.log('The package works as it is packed.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
