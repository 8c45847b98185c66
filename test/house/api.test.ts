import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { read, root } from './sources.js';

/**
 * What users of the package can name, as declarations: a change of it must be meant. `npx vitest run --project node
 * test/house/api.test.ts --update` writes docs/api.d.ts.txt anew; the change then belongs in CHANGELOG.md.
 */

const exported = JSON.parse(read('package.json')).exports as Record<string, { types?: string } | string>;
const entries = Object.entries(exported).flatMap(([name, target]) =>
  typeof target === 'object' && target.types ? [{ name: join('longhand', name), file: target.types }] : [],
);

const printer = ts.createPrinter({ removeComments: true });

/** The declarations of one export, each as one line of code or more, without comments. */
const declarationsOf = (checker: ts.TypeChecker, symbol: ts.Symbol): string[] => {
  const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return (meant.declarations ?? []).map((declaration) => {
    const whole = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    const text = printer.printNode(ts.EmitHint.Unspecified, whole, whole.getSourceFile());
    return text.replace(/^(export )?(declare )?/, '');
  });
};

test('the declarations of the package are those of docs/api.d.ts.txt', async () => {
  const files = entries.map(({ file }) => join(root, file));
  const program = ts.createProgram(files, {
    ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
    ...{ target: ts.ScriptTarget.ES2022, skipLibCheck: true, noLib: true, types: [] },
  });
  const checker = program.getTypeChecker();
  /** What an entry before this one has shown. */
  const shown = new Set<string>();
  const report = entries.map(({ name, file }) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, file))!);
    const symbols = module ? checker.getExportsOfModule(module) : [];
    const named = symbols
      .map((symbol) => ({ name: symbol.name, text: declarationsOf(checker, symbol).join('\n') }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const fresh = named.filter(({ text }) => !shown.has(text));
    const again = named.filter(({ text }) => shown.has(text)).map((one) => one.name);
    for (const { text } of fresh) shown.add(text);
    const above = again.length > 0 ? [`// As above: ${again.join(', ')}`] : [];
    return [`// ${name}`, ...above, ...fresh.map(({ text }) => text)].join('\n\n');
  });
  expect(report[0]).toContain('load');
  await expect(`${report.join('\n\n')}\n`).toMatchFileSnapshot('../../docs/api.d.ts.txt');
});
