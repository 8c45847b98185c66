import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';

/** The project's folder. */
export const root = join(import.meta.dirname, '../..');

const skipped = new Set(['node_modules', 'dist', 'build', '.git', '.vite']);

/** Every file of the project under `folder`, as a path from the root with forward slashes. */
export const filesUnder = (folder: string): string[] => {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (skipped.has(entry.name)) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory()) walk(inner);
      else if (entry.isFile()) found.push(relative(root, inner).split(sep).join('/'));
    }
  };
  walk(join(root, folder));
  return found.sort();
};

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What a module imports or re-exports, types included, as written. */
export const importsOf = (source: string): string[] =>
  ts.preProcessFile(source, true, true).importedFiles.map(({ fileName }) => fileName);

/** The names a module declares and exports itself. */
export const exportedNames = (source: string): string[] => {
  const names: string[] = [];
  const parsed = ts.createSourceFile('module.ts', source, ts.ScriptTarget.Latest, true);
  for (const statement of parsed.statements) {
    if (ts.isExportDeclaration(statement)) {
      if (statement.exportClause && ts.isNamedExports(statement.exportClause)) {
        names.push(...statement.exportClause.elements.map(({ name }) => name.text));
      }
      continue;
    }
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    if (!modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.push(name.getText(parsed));
    } else {
      const { name } = statement as ts.DeclarationStatement;
      if (name) names.push(name.getText(parsed));
    }
  }
  return names;
};

/** `camelCase` and `kebab-case` as lower-case words. */
export const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$3-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
