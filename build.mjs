// The whole build: `node build.mjs` does every step, `node build.mjs kernels types` only the named ones.
//   kernels   assembly/ -> dist/kernels.wasm, dist/kernels.relaxed.wasm (skipped while their inputs are unchanged)
//   shaders   shaders/ -> dist/shaders.json: every kernel's text, its includes in their places
//   bundles   src/, workers/ -> dist/*.js, self-contained ES modules
//   types     declarations -> dist/types/
//   size      what a page downloads besides the model; `--check-size` fails above the budget
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);
const bin = (name, script) =>
  join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), script);

/** Gzipped bytes that a page may download before the model: the library, the worker and one build of the kernels. */
export const PAGE_BUDGET = 150_000;

/** A step failed and has already printed why. */
class BuildFailure extends Error {}

const runNode = (what, script, args) => {
  try {
    execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (error) {
    throw new BuildFailure(`${what} failed (exit ${error.status ?? error.signal}); its messages are above`);
  }
};

const kernelBuilds = [
  { file: 'kernels.wasm', features: ['simd'] },
  { file: 'kernels.relaxed.wasm', features: ['simd', 'relaxed-simd'] },
];
const ascFlags =
  '-O3 --noAssert --uncheckedBehavior always --runtime stub --importMemory --initialMemory 1 --maximumMemory 65536'.split(
    ' ',
  );

/** A hash of everything that decides the bytes of the kernels. */
const kernelInputs = () => {
  const hash = createHash('sha256').update(JSON.stringify([kernelBuilds, ascFlags]));
  hash.update(readFileSync(bin('assemblyscript', 'package.json')));
  for (const name of readdirSync(at('assembly'), { recursive: true }).sort()) {
    if (name.endsWith('.ts')) hash.update(`${name}\0`).update(readFileSync(at('assembly', name)));
  }
  return hash.digest('hex');
};

const kernels = () => {
  const stamp = at('dist/kernels.hash');
  const inputs = kernelInputs();
  const unchanged = existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs;
  if (unchanged && kernelBuilds.every(({ file }) => existsSync(at('dist', file)))) return 'unchanged';
  for (const { file, features } of kernelBuilds) {
    // Written beside its place and renamed, so that nobody reads half a module.
    const fresh = `dist/${file}.${process.pid}`;
    const enable = features.flatMap((feature) => ['--enable', feature]);
    const asc = bin('assemblyscript', 'bin/asc.js');
    runNode(`kernels: asc for ${file}`, asc, [
      'assembly/index.ts',
      '--outFile',
      fresh,
      ...ascFlags,
      ...enable,
    ]);
    renameSync(at(fresh), at('dist', file));
  }
  writeFileSync(stamp, inputs);
  return kernelBuilds.map(({ file }) => file).join(', ');
};

const SHADER_INCLUDE = /^\/\/ include: (\S+)$/gm;
/** What stands in for an include where the language has more: kernels with it get a second text, `<name>+packed`. */
const PACKED = { 'lib/dot4.wgsl': 'lib/dot4-packed.wgsl' };

/** The text of a file under shaders/ with its includes, each of them once. */
const shaderText = (file, instead = {}, seen = new Set()) =>
  readFileSync(at('shaders', file), 'utf8').replace(SHADER_INCLUDE, (_, name) => {
    if (seen.has(name)) return '';
    seen.add(name);
    return shaderText(instead[name] ?? name, instead, seen);
  });

/** Without comments, indentation and empty lines. */
const shrunk = (text) =>
  text
    .replace(/\/\/.*$/gm, '')
    .replace(/^\s+|\s+$/gm, '')
    .replace(/\n+/g, '\n');

const shaders = () => {
  const texts = {};
  for (const file of readdirSync(at('shaders')).sort()) {
    if (!file.endsWith('.wgsl')) continue;
    const name = file.slice(0, -'.wgsl'.length);
    const plain = shaderText(file);
    const packed = shaderText(file, PACKED);
    texts[name] = shrunk(plain);
    if (packed !== plain) texts[`${name}+packed`] = shrunk(packed);
  }
  writeFileSync(at('dist/shaders.json'), JSON.stringify(texts));
  return `${Object.keys(texts).length} texts`;
};

const entries = {
  index: 'src/index.ts', // what a page imports
  engine: 'src/engine/index.ts', // the engine without a worker: Node and browsers
  worker: 'workers/engine.ts', // started by index.js as its sibling
  openai: 'src/facades/openai/index.ts', // beside the page's own: no part of what it downloads
  'prompt-api': 'src/facades/prompt-api/index.ts', // likewise
  chat: 'src/facades/chat/index.ts', // likewise
  'ai-sdk': 'src/facades/ai-sdk/index.ts', // likewise
  planner: 'src/facades/planner/index.ts', // likewise
  shared: 'src/shared.ts', // imported instead of index.js by pages whose tabs share an engine
  constraint: 'src/generate/constraint.ts', // fetched by worker.js and engine.js when an answer must be of a form
  webgpu: 'src/engine/webgpu.ts', // fetched by worker.js and engine.js where the GPU is asked for
  predictors: 'src/predictors/rarer.ts', // fetched likewise where one of the rarer methods is asked for
  policies: 'src/policies/policies.ts', // fetched likewise where not everything is to be kept
  opfs: 'src/stores/opfs.ts', // fetched likewise where texts are to be kept in files
  encrypted: 'src/stores/encrypted.ts', // fetched likewise where they are to be encrypted
  transfer: 'src/kv/session-files.ts', // fetched likewise where a session becomes a file, or a file a session, or a text is probed or its pages are given up
  variants: 'src/architectures/variants.ts', // fetched likewise where a model's file has what few have
  retrieval: 'src/generate/retrieval.ts', // fetched likewise where documents are ranked, a text sifted, or sources asked for
  sha256: 'src/weights/sha256.ts', // fetched likewise where a file is to be the one that is asked for
  reads: 'workers/reads.ts', // started by worker.js and engine.js where a text is found in the store
  thread: 'workers/thread.ts', // started by worker.js and engine.js where memory can be shared
};

/** Comments to users' bundlers: leave this import alone. */
const TO_BUNDLERS = '/* @vite-ignore */ /* webpackIgnore: true */';
/** Stands for them where the minifier would drop them, and is exactly as long, so that source maps stay right. */
const STAND_IN = `${'kept'.padEnd(TO_BUNDLERS.length - 1, '_')},`;
/** An import with it, as minified. Its second parentheses go as well: the tests' server takes them apart wrongly. */
const STANDING_IN = new RegExp(`import\\(\\(${STAND_IN}((?:[^()]|\\([^()]*\\))*)\\)\\)`, 'g');

/** What the build calls a script that is imported from a file: that need not be the name of its source. */
const builtAs = (from, name) => {
  const source = join(dirname(from), name).replace(/\.js$/, '.ts');
  const [entry] = Object.entries(entries).find(([, file]) => at(file) === source) ?? [];
  if (entry) return `./${entry}.js`;
  throw new BuildFailure(`bundles: ${source} is fetched by address, but no script is built from it`);
};

/**
 * Imports with a comment to bundlers keep it. An import in a file called load-… becomes one by address, which bundlers copy
 * like the other files beside a script; a split bundle would not do for workers everywhere.
 */
const keptImports = {
  name: 'kept-imports',
  setup(build) {
    build.onLoad(
      {
        filter:
          /[\\/]src[\\/].*(load-constraint|load-webgpu|load-policies|load-session-files|load-retrieval|load-variants|load-rarer|node-module)\.ts$/,
      },
      ({ path }) => ({
        loader: 'ts',
        contents: readFileSync(path, 'utf8')
          .replaceAll(
            /await import\('([^']+)'\)/g,
            (_, name) =>
              `await import((${STAND_IN} new URL('${builtAs(path, name)}', import.meta.url).href))`,
          )
          .replaceAll(
            new RegExp(`import\\(${TO_BUNDLERS.replaceAll('*', '\\*')} ([^)]+)\\)`, 'g'),
            `import((${STAND_IN} $1))`,
          ),
      }),
    );
  },
};

/** Bytes below which Vite turns a file that is fetched by address into a `data:` URL, which a strict policy refuses to run. */
const INLINED = 4096;

/** A small script, longer: in front of the line that names its source map. */
const lengthened = (script) => {
  const missing = INLINED - Buffer.byteLength(script);
  if (missing <= 0) return script;
  const at = script.lastIndexOf('//# sourceMappingURL=');
  return `${script.slice(0, at)}// Long enough to stay a file.${' '.repeat(missing)}\n${script.slice(at)}`;
};

const bundles = async () => {
  await esbuild
    .build({
      absWorkingDir: root,
      entryPoints: entries,
      outdir: 'dist',
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      external: ['node:*'],
      minify: true,
      sourcemap: 'linked',
      logLevel: 'warning',
      plugins: [keptImports],
    })
    .catch(() => {
      throw new BuildFailure('bundles: esbuild failed; its messages are above');
    });
  for (const name of Object.keys(entries)) {
    const path = at('dist', `${name}.js`);
    const script = readFileSync(path, 'utf8').replaceAll(STANDING_IN, `import( ${TO_BUNDLERS}$1 )`);
    writeFileSync(path, lengthened(script));
  }
  return Object.keys(entries)
    .map((name) => `${name}.js`)
    .join(', ');
};

/** Views of bytes that name their buffer: TypeScript before 5.7 does not know that they could. */
const GENERIC_VIEW =
  /\b((?:Int|Uint|Float|BigInt|BigUint)\d+(?:Clamped)?Array|DataView)<ArrayBuffer(?:Like)?>/g;

const types = () => {
  runNode('types: tsc', bin('typescript', 'bin/tsc'), ['-p', 'tsconfig.build.json']);
  for (const name of readdirSync(at('dist/types'), { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue;
    const written = readFileSync(at('dist/types', name), 'utf8');
    const plain = written.replace(GENERIC_VIEW, '$1');
    if (plain !== written) writeFileSync(at('dist/types', name), plain);
  }
  // Beside each bundle a declaration, so that a page which imports the file by its path is checked too.
  for (const [bundle, source] of Object.entries({
    index: 'src/index',
    shared: 'src/shared',
    engine: 'src/engine/index',
    worker: 'workers/engine',
    constraint: 'src/generate/constraint',
    webgpu: 'src/engine/webgpu',
    predictors: 'src/predictors/rarer',
    policies: 'src/policies/policies',
    opfs: 'src/stores/opfs',
    encrypted: 'src/stores/encrypted',
    transfer: 'src/kv/session-files',
    variants: 'src/architectures/variants',
    retrieval: 'src/generate/retrieval',
    sha256: 'src/weights/sha256',
    reads: 'workers/reads',
    thread: 'workers/thread',
    openai: 'src/facades/openai/index',
    'prompt-api': 'src/facades/prompt-api/index',
    chat: 'src/facades/chat/index',
    planner: 'src/facades/planner/index',
    'ai-sdk': 'src/facades/ai-sdk/index',
  })) {
    writeFileSync(`dist/${bundle}.d.ts`, `export * from './types/${source}.js';\n`);
  }
  return 'dist/types';
};

/** Bytes of every built file, and the gzipped sum that a page downloads; shaders and constraints are fetched where they are used. */
export const measure = () => {
  const scripts = Object.keys(entries).map((name) => `${name}.js`);
  const files = [...scripts, ...kernelBuilds.map(({ file }) => file), 'shaders.json']
    .filter((file) => existsSync(at('dist', file)))
    .map((file) => {
      const bytes = readFileSync(at('dist', file));
      return { file, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
    });
  const gzip = (file) => files.find((row) => row.file === file)?.gzip ?? 0;
  const largestKernels = Math.max(...kernelBuilds.map(({ file }) => gzip(file)));
  return { files, page: gzip('index.js') + gzip('worker.js') + gzip('thread.js') + largestKernels };
};

const size = () => {
  const { files, page } = measure();
  const cell = (value, width) => String(value).padStart(width);
  for (const { file, raw, gzip } of files) {
    console.log(`  ${file.padEnd(22)}${cell(raw, 9)} B${cell(gzip, 9)} B gzip`);
  }
  if (page > PAGE_BUDGET && process.argv.includes('--check-size')) {
    throw new BuildFailure(`size: a page downloads ${page} B gzip; the budget is ${PAGE_BUDGET} B`);
  }
  return `a page downloads ${page} B gzip of ${PAGE_BUDGET} B`;
};

const steps = { kernels, shaders, bundles, types, size };

const main = async () => {
  const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  const unknown = named.filter((name) => !Object.hasOwn(steps, name));
  if (unknown.length > 0) {
    throw new BuildFailure(`no step named ${unknown.join(', ')}; steps: ${Object.keys(steps).join(', ')}`);
  }
  mkdirSync(at('dist'), { recursive: true });
  for (const [name, step] of Object.entries(steps)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const start = performance.now();
    const outcome = await step();
    console.log(`${name.padEnd(8)} ${((performance.now() - start) / 1000).toFixed(1)} s  ${outcome}`);
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    if (!(error instanceof BuildFailure)) throw error;
    console.error(`build: ${error.message}`);
    process.exitCode = 1;
  });
}
