// @ts-check
// Bundles the crash tests and runs them: `npm run test:crash`.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(join(here, '../..'));
mkdirSync('build/crash', { recursive: true });
const outfile = 'build/crash/main.mjs';
await build({
  entryPoints: ['test/crash/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
  define: {
    'import.meta.dirname': JSON.stringify(here),
    'import.meta.url': JSON.stringify(pathToFileURL(join(here, 'main.ts')).href),
  },
});
await import(pathToFileURL(outfile).href);
