// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { project } from './bundlers.mjs';
import { MODEL } from './serve.mjs';

/**
 * Node as it runs this, those that `NODES` names, and others that the usual installers keep: one of each major version.
 * `NODES=$(npm exec --package=node@24 -- which node)` is one that nobody installed.
 */
const found = () => {
  const kept = [
    [process.env.NVM_DIR ?? join(homedir(), '.nvm'), 'versions/node'],
    [process.env.FNM_DIR ?? join(homedir(), '.local/share/fnm'), 'node-versions'],
    [process.env.N_PREFIX ?? '/usr/local', 'n/versions/node'],
  ].flatMap(([from = '', under = '']) => {
    const folder = join(from, under);
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((version) => [
      join(folder, version, 'bin/node'),
      join(folder, version, 'installation/bin/node'),
    ]);
  });
  const named = (process.env.NODES ?? '').split(delimiter).filter(Boolean);
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => ['node20', 'node22', 'node24'].map((name) => join(folder, name)));
  const programs = new Map([[process.version.split('.')[0], process.execPath]]);
  for (const program of [...named, ...kept, ...onPath].filter((path) => existsSync(path))) {
    const major = execFileSync(program, ['--version'], { encoding: 'utf8' }).split('.')[0];
    if (Number(major?.slice(1)) >= 20 && !programs.has(major)) programs.set(major, program);
  }
  return [...programs.values()];
};

/** Runs the package in every Node that is here; returns what each of them said. @param {string} folder */
export const runInNodes = (folder) => {
  const { at } = project(folder, 'node');
  return found().map((program) =>
    execFileSync(program, [join(at, 'node.mjs'), MODEL], { encoding: 'utf8', timeout: 120_000 }).trim(),
  );
};
