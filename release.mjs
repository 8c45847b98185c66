#!/usr/bin/env node
// @ts-check
// `npm run release -- --dry-run`: everything that a release needs, checked in order, and what would be published.
// `npm run release -- --publish` publishes it as well. Without either it does nothing. Exits 0 or 1.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(fileURLToPath(import.meta.url));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const run = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
  execFileSync(command, args, { cwd: root, stdio: 'inherit' });
const ask = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
  execFileSync(command, args, { cwd: root, encoding: 'utf8' }).trim();

/**
 * Why a version cannot be released, or undefined.
 * @param {string} version of package.json @param {string} changelog @param {readonly string[]} tags that are there
 */
export const objection = (version, changelog, tags) => {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    return `'${version}' is no version; package.json has to name one`;
  if (tags.includes(`v${version}`))
    return `v${version} was released already; raise the version in package.json`;
  const [newest = ''] = changelog.match(/^## .+$/m) ?? [];
  if (/unreleased/i.test(newest)) {
    return `the CHANGELOG begins with '${newest}'; call it '## ${version}', followed by a date`;
  }
  if (!newest.startsWith(`## ${version} `) && newest !== `## ${version}`)
    return `the CHANGELOG begins with '${newest}', package.json says ${version}`;
  const entry = changelog.slice(changelog.indexOf(newest) + newest.length).split(/^## /m)[0] ?? '';
  return /^- /m.test(entry) ? undefined : `the CHANGELOG says nothing about ${version}`;
};

const check = () => {
  const dirty = ask('git', 'status', '--porcelain');
  if (dirty) throw new Error(`the tree is not clean:\n${dirty}`);
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { version: locked } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  if (locked !== version)
    throw new Error(`package-lock.json says ${locked}, package.json ${version}; npm install`);
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  const why = objection(version, changelog, ask('git', 'tag', '--list').split('\n'));
  return { name, version, why };
};

const main = () => {
  const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, publish: { type: 'boolean' } } });
  if (Boolean(values['dry-run']) === Boolean(values.publish)) {
    throw new Error('say --dry-run to look at a release, or --publish to make it');
  }
  const { name, version, why } = check();
  if (why && values.publish) throw new Error(why);
  run(process.execPath, join(root, 'build.mjs'), '--check-size');
  // Judged by publint and attw, compiled against, bundled and opened in a browser.
  run(process.execPath, join(root, 'test/packaging/run.mjs'));
  const folder = mkdtempSync(join(tmpdir(), 'longhand-release-'));
  try {
    const [{ filename, files, size, unpackedSize, shasum }] = JSON.parse(
      ask(npm, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder),
    );
    console.log(`\n${name} ${version}, commit ${ask('git', 'rev-parse', '--short', 'HEAD')}`);
    console.log(
      `${filename}: ${files.length} files, ${size} B packed, ${unpackedSize} B unpacked, sha1 ${shasum}`,
    );
    for (const { path, size: bytes } of files)
      if (!path.startsWith('dist/types/')) console.log(`  ${String(bytes).padStart(9)} B  ${path}`);
    if (values.publish) run(npm, 'publish', join(folder, filename), '--access', 'public');
    else
      console.log(`\nNothing was published.${why ? ` Not ready: ${why}.` : ` Then: git tag v${version}.`}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    console.error(`release: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
