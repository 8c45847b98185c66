// Bundles a bench written in TypeScript and runs it: `node bench/run.mjs needles --lengths 1024,4096`. Whatever is no
// file here is left to goals.ts, and so is a call without a name.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const named = existsSync(`bench/${process.argv[2]}.ts`);
const name = named ? process.argv.splice(2, 1)[0] : 'goals';
if (name === 'goals' && !existsSync('bench/node_modules')) {
  console.log(
    'Installing the runtimes that Longhand is measured against (about 180 MB) into bench/node_modules.',
  );
  execFileSync('npm', ['--prefix', 'bench', 'ci', '--no-audit', '--no-fund'], { stdio: 'inherit' });
}
// Inside bench/, so that what it imports is found in bench/node_modules as well as in ours.
mkdirSync('bench/build', { recursive: true });
const outfile = `bench/build/${name}.mjs`;
await build({
  entryPoints: [`bench/${name}.ts`],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
  define: { 'import.meta.url': JSON.stringify(pathToFileURL('dist/engine.js').href) },
});
await import(pathToFileURL(outfile).href);
