// @ts-check
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
// The project's own: the judges bring others.
import newest from '../../node_modules/typescript/lib/typescript.js';

const here = dirname(fileURLToPath(import.meta.url));

/** @typedef {typeof newest} Compiler */

/** @param {Compiler} ts @returns {Record<string, newest.CompilerOptions>} */
const resolutions = ({ ModuleKind, ModuleResolutionKind }) => ({
  bundler: { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler },
  nodenext: { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext },
});

/** @param {Compiler} ts @param {string} at folder of the program @returns {string[]} what compiled it */
const compileWith = (ts, at) => {
  const ways = Object.entries(resolutions(ts));
  for (const [name, options] of ways) {
    const program = ts.createProgram([join(at, 'app.mts')], {
      ...options,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: [],
      strict: true,
      noEmit: true,
    });
    const complaints = ts.getPreEmitDiagnostics(program);
    const format = {
      getCanonicalFileName: (/** @type {string} */ file) => file,
      getCurrentDirectory: () => at,
      getNewLine: () => '\n',
    };
    if (complaints.length > 0)
      throw new Error(`TypeScript ${ts.version}, ${name}: ${ts.formatDiagnostics(complaints, format)}`);
  }
  return ways.map(([name]) => `TypeScript ${ts.version} with ${name}`);
};

/**
 * Compiles a program that names every entry, strictly, the package's declarations too, with the oldest TypeScript that will do
 * and the project's own. Returns what it was compiled with.
 * @param {string} folder the one under which the package is installed
 */
export const compile = async (folder) => {
  const at = join(folder, 'typed');
  mkdirSync(at);
  cpSync(join(here, 'typed'), at, { recursive: true });
  // A name that is no package to this project's compiler: it is installed when this runs.
  const oldest = 'typescript-oldest';
  const compilers = [/** @type {Compiler} */ ((await import(oldest)).default), newest];
  return compilers.flatMap((ts) => compileWith(ts, at));
};
