import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { filesUnder, read, root } from './sources.js';

// Names that the prose takes for granted: elements of the reader's page, and a text of theirs.
const clients = join(root, 'test/facades/node_modules');
const ambient = `
  declare const bar: HTMLProgressElement;
  declare const out: HTMLElement;
  declare const bookText: string;
`;

/** The TypeScript of a page of prose. A fence that imports nothing goes on where the one before it ended. */
const programsOf = (markdown: string): string[] => {
  const fences = [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  const programs: string[] = [];
  for (const code of fences) {
    if (programs.length > 0 && !/^import /m.test(code)) programs.push(`${programs.pop()}\n${code}`);
    else programs.push(code);
  }
  return programs;
};

/**
 * What the compiler says about each program, as if it stood in a project that had installed us: all of them in one go, by
 * their names.
 */
const complaintsAbout = (programs: ReadonlyMap<string, string>): string[] => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const files = new Map<string, string>(
    [...programs].map(
      ([name, code]) => [join(root, 'build/readme', `${name}.ts`), `${code}\nexport {};\n`] as const,
    ),
  );
  files.set(join(root, 'build/readme/ambient.d.ts'), ambient);
  const settings: ts.CompilerOptions = {
    ...options,
    noEmit: true,
    noUnusedLocals: false,
    paths: {
      longhand: [join(root, 'src/index.ts')],
      'longhand/engine': [join(root, 'src/engine/index.ts')],
      'longhand/openai': [join(root, 'src/facades/openai/index.ts')],
      'longhand/prompt-api': [join(root, 'src/facades/prompt-api/index.ts')],
      'longhand/chat': [join(root, 'src/facades/chat/index.ts')],
      'longhand/planner': [join(root, 'src/facades/planner/index.ts')],
      'longhand/shared': [join(root, 'src/shared.ts')],
      react: [join(clients, '@types/react')],
      vue: [join(clients, '@vue/reactivity')],
      'longhand/ai-sdk': [join(root, 'src/facades/ai-sdk/index.ts')],
    },
  };
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const code = files.get(path);
    return code === undefined
      ? getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, code, version);
  };
  const program = ts.createProgram([...files.keys()], settings, host);
  return [...files.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText, start = 0 }) => {
        const line = source?.text.slice(0, start).split('\n').length;
        return `${path.split('/').at(-1)?.replace('.ts', '')}, line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      },
    );
  });
};

describe('the checker', () => {
  test('joins fences that continue', () => {
    const fence = (code: string) => `\`\`\`ts\n${code}\n\`\`\`\n`;
    const programs = programsOf(`${fence("import 'a';")}words\n${fence('b();')}${fence("import 'c';")}`);
    expect(programs).toHaveLength(2);
    expect(programs[0]).toContain('b();');
  });

  test('finds what does not compile', () => {
    expect(complaints.some((text) => text.startsWith('wrong number, line 2'))).toBe(true);
    expect(complaints.some((text) => text.startsWith('wrong type, line 1'))).toBe(true);
  });
});

const pages = ['README.md', ...filesUnder('docs').filter((file) => file.endsWith('.md'))];
const shown = pages.filter((page) => programsOf(read(page)).length > 0);

const complaints = complaintsAbout(
  new Map([
    ['wrong number', "import { load } from 'longhand';\nawait load(17);"],
    ['wrong type', 'const a: string = 1;'],
    ...shown.flatMap((page) =>
      programsOf(read(page)).map((code, i) => [`${page.replaceAll('/', ' ')} ${i}`, code] as const),
    ),
  ]),
);

test('the README shows code', () => {
  expect(shown).toContain('README.md');
});

test.for(shown)('the TypeScript in %s compiles', (page, { skip }) => {
  const isShort =
    programsOf(read(page)).some((code) => /from '(react|vue)'/.test(code)) &&
    !existsSync(join(clients, '@vue/reactivity'));
  if (isShort) skip('The clients that facades are tested with are not installed; `npm test` does it.');
  expect(complaints.filter((text) => text.startsWith(`${page.replaceAll('/', ' ')} `))).toEqual([]);
});

test('links between the pages lead somewhere', () => {
  const broken = [...pages, 'CONTRIBUTING.md']
    .filter((page) => existsSync(join(root, page)))
    .flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(join(root, page, '..', target)))
        .map((target) => `${page}: ${target}`),
    );
  expect(broken).toEqual([]);
});
