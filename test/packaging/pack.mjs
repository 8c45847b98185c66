// @ts-check
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/**
 * Packs what was built and installs it, and nothing else, under `node_modules` of a folder: what the package needs must be in it.
 * @param {string} folder @returns {{ tarball: string, installed: string, files: string[] }}
 */
export const pack = (folder) => {
  // What `prepack` would do is done by now.
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename, files }] = JSON.parse(execFileSync(npm, args, { cwd: root, encoding: 'utf8' }));
  execFileSync('tar', ['-xzf', filename], { cwd: folder });
  mkdirSync(join(folder, 'node_modules'));
  const installed = join(folder, 'node_modules/longhand');
  renameSync(join(folder, 'package'), installed);
  return {
    tarball: join(folder, filename),
    installed,
    files: files.map((/** @type {{ path: string }} */ { path }) => path),
  };
};
