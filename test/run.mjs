// @ts-check
// `npm test`: every check in order, stopping at the first that fails. `npm test -- --only node,browser` runs the
// named ones (and the build, where they need it). The last line is always `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../examples/install.mjs';
import { ensureChromium } from './support/chromium.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const bin = (/** @type {string} */ name, /** @type {string} */ script) =>
  join(dirname(require.resolve(`${name}/package.json`)), script);

const STEP_LIMIT_MS = 10 * 60_000;

/**
 * Runs one of our tools with Node, its output passed on.
 * @param {string} script @param {string[]} args
 * @returns {Promise<boolean>} whether it exited with 0
 */
const node = (script, ...args) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const limit = setTimeout(() => {
      console.error(`Stopped after ${STEP_LIMIT_MS / 60_000} minutes.`);
      child.kill('SIGKILL');
    }, STEP_LIMIT_MS);
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve(code === 0);
    });
  });

const counts = { passed: 0, failed: 0 };

/** One vitest project. A file that cannot be loaded or an unhandled error counts as one failure. */
const vitest = async (/** @type {string} */ project) => {
  const report = join(root, 'build', `vitest-${project}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const ok = await node(bin('vitest', 'vitest.mjs'), 'run', `--project=${project}`, ...reporters);
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
    counts.passed += numPassedTests;
    counts.failed += numFailedTests;
    if (!ok && numFailedTests === 0) counts.failed += 1;
  } catch {
    console.error(`vitest wrote no report for the project ${project}.`);
    counts.failed += 1;
    return false;
  }
  return ok;
};

/** A check that is not a set of tests: it counts only when it fails. */
const check = async (/** @type {Promise<boolean>} */ outcome) => {
  const ok = await outcome;
  if (!ok) counts.failed += 1;
  return ok;
};

const chromium = async () => {
  try {
    process.env.CHROME_PATH = await ensureChromium();
    console.log(process.env.CHROME_PATH);
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
};

/** Ours, and what takes files apart for the shelf, with its packages. */
const types = async () => {
  const tsc = bin('typescript', 'bin/tsc');
  const shelf = join(root, 'examples/pwa');
  return (await node(tsc, '-p', root)) && install(shelf) && (await node(tsc, '-p', shelf));
};

/** @type {Record<string, () => Promise<boolean>>} */
const steps = {
  chromium: () => check(chromium()),
  build: () => check(node(join(root, 'build.mjs'), '--check-size')),
  types: () => check(types()),
  lint: () => check(node(bin('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', root)),
  docs: () => check(node(bin('typedoc', 'bin/typedoc'))),
  clients: () =>
    check(
      Promise.resolve(['test/facades', 'examples/pwa', 'docs/site'].every((at) => install(join(root, at)))),
    ),
  node: () => vitest('node'),
  browser: () => vitest('browser'),
  e2e: () => vitest('e2e'),
};

/** What must have run before. @type {Record<string, string[]>} */
const before = { node: ['build', 'clients'], browser: ['chromium', 'build'], e2e: ['chromium', 'build'] };

/** The steps that the command line asks for; undefined where it makes no sense. */
const wanted = () => {
  const args = process.argv.slice(2);
  if (args.length === 0) return Object.keys(steps);
  const named = args[0] === '--only' && args.length === 2 ? (args[1]?.split(',') ?? []) : [];
  if (named.length === 0 || named.some((name) => !Object.hasOwn(steps, name))) return undefined;
  return Object.keys(steps).filter(
    (name) => named.includes(name) || named.some((other) => before[other]?.includes(name)),
  );
};

const names = wanted();
if (names === undefined) {
  console.error(`Usage: npm test -- [--only step,step]; steps: ${Object.keys(steps).join(', ')}`);
  process.exit(2);
}
mkdirSync(join(root, 'build'), { recursive: true });
const seconds = (/** @type {number} */ since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const start = performance.now();
let ok = true;
for (const name of names) {
  console.log(`\n== ${name}`);
  const began = performance.now();
  ok = (await steps[name]?.()) ?? false;
  console.log(`== ${name}: ${ok ? 'ok' : 'FAILED'}, ${seconds(began)}`);
  if (!ok) break;
}
console.log(`\nAll in all ${seconds(start)}.`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(ok && counts.failed === 0 ? 0 : 1);
