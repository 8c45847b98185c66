// @ts-check
// `npm run test:firefox`: the tests of the browser project, the reader example and the installable apps in a stock Firefox, if
// there is one.
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from '../../examples/serve.mjs';
import { useAppsInFirefox } from './apps.mjs';
import { findFirefox, hasDriver, hasWebGpu } from './firefox.mjs';
import { readInFirefox } from './reader.mjs';

/** Far more than they take on a machine of their own. */
const LIMIT_MS = 30 * 60_000;
const root = fileURLToPath(new URL('../..', import.meta.url));

const main = async () => {
  const path = findFirefox();
  if (path === undefined) {
    console.log(
      'No Firefox was found, so nothing was tested. Install it (Debian: firefox-esr) or set FIREFOX_PATH.',
    );
    return true;
  }
  if (!hasDriver()) {
    console.log('Installing what drives it into bench/node_modules.');
    execFileSync('npm', ['--prefix', join(root, 'bench'), 'ci', '--no-audit', '--no-fund'], {
      stdio: 'inherit',
    });
  }
  console.log(execFileSync(path, ['--version'], { encoding: 'utf8' }).trim());
  const server = await serve();
  const webGpu = await hasWebGpu(`${server.address}examples/`).finally(() => server.close());
  if (!webGpu) console.log('It has no WebGPU here: tests of WebGPU are left out.');
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const config = join(root, 'test/firefox/vitest.config.mjs');
  const { status, signal } = spawnSync(process.execPath, [vitest, 'run', '--config', config], {
    cwd: root,
    stdio: 'inherit',
    timeout: LIMIT_MS,
    env: { ...process.env, ...(!webGpu && { WITHOUT_WEBGPU: '1' }) },
  });
  if (signal) console.log(`\nThe tests were ended after ${LIMIT_MS / 60_000} minutes.`);
  console.log('\nThe reader example:');
  const complaints = await readInFirefox();
  console.log('\nThe apps:');
  const more = await useAppsInFirefox();
  for (const complaint of more) console.log(complaint);
  return status === 0 && complaints.length === 0 && more.length === 0;
};

process.exitCode = (await main()) ? 0 : 1;
