// @ts-check
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
// The project's own: the judges bring an older one.
import ts from '../../node_modules/typescript/lib/typescript.js';

const here = dirname(fileURLToPath(import.meta.url));

/** @type {Record<string, ts.CompilerOptions>} */
const resolutions = {
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
};

/**
 * Compiles a program that names every entry, strictly, the package's declarations too. Returns the ways it was resolved.
 * @param {string} folder the one under which the package is installed
 */
export const compile = (folder) => {
  const at = join(folder, 'typed');
  mkdirSync(at);
  cpSync(join(here, 'typed'), at, { recursive: true });
  for (const [name, options] of Object.entries(resolutions)) {
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
    if (complaints.length > 0) throw new Error(`${name}: ${ts.formatDiagnostics(complaints, format)}`);
  }
  return Object.keys(resolutions);
};
