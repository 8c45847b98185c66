// @ts-check
// Every option that users can name, from the declarations themselves: what stands in docs/ cannot be another thing.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * Where the consequence of an option was measured, by the interface and the option.
 * @type {Readonly<Record<string, string>>}
 */
export const measured = {
  'EngineOptions.backend': '[on software](LIMITS.md#webgpu-on-a-software-adapter)',
  'EngineOptions.threads': '[one and two](LIMITS.md#beside-other-measures)',
  'EngineOptions.attention': '[when choosing pays](LIMITS.md#when-choosing-pays), [needles](METHODS.md)',
  'EngineOptions.kernels': '[relaxed SIMD and SIMD128](LIMITS.md#beside-other-measures)',
  'KvOptions.keys': '[bytes](LIMITS.md#bytes-at-rest)',
  'KvOptions.values': '[bytes](LIMITS.md#bytes-at-rest)',
  'KvOptions.store': '[stores](LIMITS.md#stores)',
  'KvOptions.memory': '[within 64 MB](LIMITS.md#beside-other-measures)',
  'KvOptions.durability': '[what a crash loses](LIMITS.md#crashes)',
  'AskSettings.sources': '[what they cost](LIMITS.md#what-sources-cost)',
  'DhsaOptions.reuse': '[steps](LIMITS.md#when-choosing-pays)',
  'DhsaOptions.refresh': '[steps](LIMITS.md#when-choosing-pays)',
  'BudgetOptions.budget': '[answers by budget](LIMITS.md#when-choosing-pays)',
};

/** Interfaces in the order in which somebody meets them; those that are not named follow. */
const FIRST = [
  'LoadOptions',
  'EngineOptions',
  'KvOptions',
  'SessionOptions',
  'CallOptions',
  'StopOptions',
  'AskSettings',
];

const parse = (/** @type {string} */ file) =>
  ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true);

/** @param {ts.Node} node the words above it */
const wordsOf = (node) =>
  ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map(({ comment }) => (typeof comment === 'string' ? comment : (ts.getTextOfJSDocComment(comment) ?? '')))
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();

/**
 * What the default is, as the words say it; an option that nobody has to give says so.
 * @param {string} words @param {boolean} optional
 */
const defaultOf = (words, optional) => {
  if (!optional) return 'must be given';
  const named = /(`[^`]+`|\S+) \(default(?: [^)]*)?\)/.exec(words);
  const [, said] = /\b[Dd]efault:? ([^.;:]+)/.exec(words) ?? [];
  return named?.[1] ?? said ?? 'none';
};

/** @param {string} root of the repository */
export const optionGroups = (root) => {
  const index = join(root, 'src/index.ts');
  /** @type {Map<string, string>} */
  const places = new Map();
  for (const statement of parse(index).statements) {
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier || !statement.exportClause) continue;
    if (!ts.isNamedExports(statement.exportClause) || !ts.isStringLiteral(statement.moduleSpecifier))
      continue;
    const file = join(dirname(index), statement.moduleSpecifier.text.replace(/\.js$/, '.ts'));
    for (const { name } of statement.exportClause.elements)
      if (/(Options|Settings)$/.test(name.text)) places.set(name.text, file);
  }
  const groups = [...places].flatMap(([name, file]) => {
    if (!existsSync(file)) throw new Error(`${file} is exported and not there.`);
    const found = parse(file).statements.find(
      (one) => ts.isInterfaceDeclaration(one) && one.name.text === name,
    );
    if (!found || !ts.isInterfaceDeclaration(found)) return [];
    const options = found.members.filter(ts.isPropertySignature).map((member) => {
      const words = wordsOf(member);
      return {
        name: member.name.getText(),
        type: member.type?.getText().replace(/\s+/g, ' ') ?? '',
        default: defaultOf(words, member.questionToken !== undefined),
        words,
      };
    });
    const [parents = []] = (found.heritageClauses ?? []).map(({ types }) =>
      types.map((type) => type.getText()),
    );
    return options.length === 0 ? [] : [{ name, words: wordsOf(found), parents, options }];
  });
  const rank = (/** @type {string} */ name) => FIRST.indexOf(name) + 1 || FIRST.length + 1;
  return groups.sort((a, b) => rank(a.name) - rank(b.name));
};

/** The page in Markdown. @param {string} root */
export const optionsPage = (root) => {
  const cell = (/** @type {string} */ text) => text.replaceAll('|', '\\|');
  const tables = optionGroups(root).map(({ name, words, parents, options }) => {
    const rows = options.map(
      (one) =>
        `| \`${one.name}\` | \`${cell(one.type.replaceAll('readonly ', ''))}\` | ${cell(one.default)} | ${cell(one.words)} | ${measured[`${name}.${one.name}`] ?? ''} |`,
    );
    const more = parents.length > 0 ? ` With ${parents.map((parent) => `\`${parent}\``).join(', ')}.` : '';
    return `## ${name}\n\n${words}${more}\n\n| option | what it can be | default | what it does | measured |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Every option\n\nOptions are plain data. What is misspelt or cannot be is refused with \`input/option\`, by name. Bytes are numbers, or text such as\n'256MB' (10⁶) or '256MiB' (2²⁰); lengths are tokens. This page is made from the declarations.\n\n${tables.join('\n')}`;
};
