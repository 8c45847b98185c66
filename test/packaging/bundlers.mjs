import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MODEL } from './serve.mjs';

const app = join(dirname(fileURLToPath(import.meta.url)), 'app');
const page = readFileSync(join(app, 'index.html'), 'utf8');

/**
 * A bundler's own folder inside the one that has the package, with the app in it.
 * @param {string} folder @param {string} name
 */
export const project = (folder, name) => {
  const at = join(folder, name);
  cpSync(app, at, { recursive: true });
  cpSync(join(folder, 'node_modules'), join(at, 'node_modules'), { recursive: true });
  return { at, entry: join(at, 'app.js'), out: join(at, 'out') };
};

/** Bundlers that copy nothing: the package's files beside the page, and the page says where the engine's script is. */
const beside = (/** @type {string} */ folder, /** @type {string} */ out) => {
  cpSync(join(folder, 'node_modules/longhand/dist'), join(out, 'longhand'), { recursive: true });
  writeFileSync(
    join(out, 'index.html'),
    page.replace('<meta', '<html data-worker="/longhand/worker.js"><meta'),
  );
};

/**
 * Vite's own server for development, over the sources.
 * @param {string} folder @param {import('./serve.mjs').Recorder} seen
 */
export const serveVite = async (folder, seen) => {
  const { at } = project(folder, 'vite-dev');
  mkdirSync(join(at, 'public'));
  cpSync(MODEL, join(at, 'public/model.gguf'));
  const { createServer } = await import('vite');
  const noting = {
    name: 'noting',
    configureServer: (/** @type {import('vite').ViteDevServer} */ { middlewares }) =>
      void middlewares.use((request, response, next) => {
        const { pathname } = new URL(request.url ?? '/', 'http://localhost');
        response.once('finish', () => seen.note(pathname, response.statusCode < 400));
        next();
      }),
  };
  const server = await createServer({
    root: at,
    configFile: false,
    logLevel: 'warn',
    server: { host: '127.0.0.1', port: 0 },
    plugins: [noting],
  });
  await server.listen();
  return { address: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
};

/**
 * Each builds the app from the package under `folder` and returns the folder that is to be served.
 * @type {Record<string, (folder: string) => Promise<string>>}
 */
export const bundlers = {
  vite: async (folder) => {
    const { at, out } = project(folder, 'vite');
    const { build } = await import('vite');
    await build({ root: at, configFile: false, logLevel: 'warn', build: { outDir: out } });
    return out;
  },
  webpack: async (folder) => {
    const { at, entry, out } = project(folder, 'webpack');
    const { default: webpack } = await import('webpack');
    const stats = await new Promise((resolve, reject) => {
      // Names instead of hashes: the test tells files apart by them.
      const output = {
        path: out,
        filename: 'app.js',
        chunkFilename: '[id].js',
        assetModuleFilename: '[name][ext]',
      };
      const optimization = /** @type {const} */ ({ chunkIds: 'named' });
      const settings = {
        mode: /** @type {const} */ ('production'),
        context: at,
        entry,
        output,
        optimization,
      };
      webpack({ ...settings, performance: false }, (error, found) =>
        error ? reject(error) : resolve(found),
      );
    });
    if (stats.hasErrors() || stats.hasWarnings())
      throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
    writeFileSync(join(out, 'index.html'), page);
    return out;
  },
  esbuild: async (folder) => {
    const { at, entry, out } = project(folder, 'esbuild');
    const { build } = await import('esbuild');
    await build({
      absWorkingDir: at,
      entryPoints: [entry],
      bundle: true,
      format: 'esm',
      minify: true,
      outdir: out,
      logLevel: 'warning',
    });
    beside(folder, out);
    return out;
  },
  rollup: async (folder) => {
    const { entry, out } = project(folder, 'rollup');
    const { rollup } = await import('rollup');
    const { default: resolve } = await import('@rollup/plugin-node-resolve');
    const bundle = await rollup({
      input: entry,
      plugins: [resolve({ browser: true })],
      onwarn: ({ message }) => {
        throw new Error(message);
      },
    });
    await bundle.write({ dir: out, format: 'es' });
    await bundle.close();
    beside(folder, out);
    return out;
  },
  'import map': async (folder) => {
    const { at } = project(folder, 'map');
    cpSync(join(folder, 'node_modules/longhand/dist'), join(at, 'longhand'), { recursive: true });
    const map = JSON.stringify({ imports: { longhand: '/longhand/index.js' } });
    writeFileSync(
      join(at, 'index.html'),
      page.replace('<script', `<script type="importmap">${map}</script>\n<script`),
    );
    return at;
  },
  folder: async (folder) => {
    const { at, entry } = project(folder, 'plain');
    cpSync(join(folder, 'node_modules/longhand/dist'), join(at, 'longhand'), { recursive: true });
    writeFileSync(entry, readFileSync(entry, 'utf8').replace("'longhand'", "'./longhand/index.js'"));
    return at;
  },
};
