// @ts-check
// Everything that is tested on WebGPU, and all of the sweep: `npm run test:webgpu`.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ensureChromium } from './support/chromium.mjs';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const args = [
  vitest,
  'run',
  '--project=browser',
  ...(process.argv.slice(2).length ? process.argv.slice(2) : ['webgpu']),
];
const env = { ...process.env, VITE_SWEEP: 'all', CHROME_PATH: await ensureChromium() };
process.exit(spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1);
