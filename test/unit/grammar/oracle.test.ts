/** The masks of XGrammar (web-xgrammar 0.1.27), a library that others keep, for the same grammars; its schemas for our texts. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileGrammar } from '../../../src/generate/grammar/compile.js';
import { createRecogniser } from '../../../src/generate/grammar/recogniser.js';
import { createTokenMask } from '../../../src/generate/grammar/token-mask.js';
import { createTokenTrie } from '../../../src/generate/grammar/token-trie.js';
import { random } from '../../support/random.js';
import { follow } from './reading.js';
import { SCHEMAS } from './schemas.js';
import { wander } from './wander.js';

/** What is used of it. */
interface Oracle {
  readonly TokenizerInfo: {
    createTokenizerInfo(
      names: string[],
      kind: string,
      space: boolean,
      size: undefined,
      stops: number[],
    ): Promise<object>;
  };
  readonly GrammarCompiler: {
    createGrammarCompiler(known: object): Promise<{ compileGrammar(grammar: string): Promise<object> }>;
  };
  readonly GrammarMatcher: {
    createGrammarMatcher(compiled: object): Promise<{
      getNextTokenBitmask(): Promise<Int32Array>;
      acceptToken(id: number): boolean;
    }>;
  };
  readonly Grammar: {
    fromJSONSchema(
      schema: string,
      anySpace: boolean,
      indent: undefined,
      marks: undefined,
      strict: boolean,
    ): Promise<object>;
  };
  readonly Testings: { isGrammarAcceptString(grammar: object, text: string): Promise<boolean> };
}
let oracle: Oracle;
beforeAll(() => {
  // CommonJS in a package that says it is a module: by this name Node takes it.
  const require = createRequire(import.meta.url);
  const copy = join(import.meta.dirname, '../../../build/web-xgrammar.cjs');
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(require.resolve('@mlc-ai/web-xgrammar'), copy);
  oracle = require(copy) as Oracle;
});

const GRAMMARS = [
  'root ::= "yes" | "no" | "yellow"',
  'root ::= [a-c]+ ("-" [0-9]{2,4})? | "é" ("à" | "ö")* "😀"',
  'root ::= "[" (item ("," item)*)? "]"\nitem ::= root | "\\"" [^"\\\\]* "\\"" | "0" | [1-9] [0-9]*',
  'root ::= expr\nexpr ::= term (("+" | "-") term)*\nterm ::= [0-9]+ | "(" expr ")"',
];

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Whole texts and bytes of ASCII: of bytes that are no UTF-8 XGrammar allows some, and we none. */
const texts = [
  '<end>',
  ...'abcdeyesno0123456789,-+()[]"\\é😀ö',
  'ye',
  'yes',
  'low',
  'no',
  '12',
  '-1',
  '",',
  '"]',
  ']]',
  '],[',
  '+(',
  '1)',
  ')+2',
  '[["',
  'éö',
  '[]',
];
const byteNames = Array.from(
  { length: 128 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);
const names = [...texts, ...byteNames];
const bytes = [
  ...texts.map((text) => encoder.encode(text)),
  ...byteNames.map((_, byte) => Uint8Array.of(byte)),
];
const END = 0;

describe('masks are those of XGrammar', () => {
  test.each(GRAMMARS)('%s', async (grammar) => {
    const known = await oracle.TokenizerInfo.createTokenizerInfo(names, 'byte_fallback', false, undefined, [
      END,
    ]);
    const compiler = await oracle.GrammarCompiler.createGrammarCompiler(known);
    const compiled = await compiler.compileGrammar(grammar);
    const recogniser = createRecogniser(compileGrammar({ grammar }), 'grammar');
    const maskOf = createTokenMask(
      recogniser,
      createTokenTrie(names.length, (id) => (id === END ? undefined : bytes[id])),
    );
    const dice = random(23);
    let compared = 0;
    for (let run = 0; run < 6; run++) {
      const matcher = await oracle.GrammarMatcher.createGrammarMatcher(compiled);
      let state = recogniser.start;
      let said = '';
      for (let i = 0; i < 12; i++) {
        const ours = new Uint32Array((names.length + 31) >> 5);
        maskOf(state, ours);
        if (state.accepts) ours[0]! |= 1;
        const theirs = Uint32Array.from(await matcher.getNextTokenBitmask());
        const bits = (mask: Uint32Array) =>
          [...names.keys()].filter((id) => (mask[id >> 5]! >>> (id & 31)) & 1);
        expect(bits(ours), said).toEqual(bits(theirs));
        compared += 1;
        const allowed = bits(ours).filter((id) => id !== END);
        if (allowed.length === 0) break;
        const id = allowed[dice.below(allowed.length)]!;
        expect(matcher.acceptToken(id)).toBe(true);
        state = follow(recogniser, state, bytes[id]!)!;
        said += decoder.decode(bytes[id]);
      }
    }
    expect(compared).toBeGreaterThan(10);
  });
});

// Formats it does not check, and tuples, which it wants whole, are compared with a plain validator elsewhere.
const SHARED = ['a plain object', 'a list', 'short strings', 'bounded', 'a tree', 'any of', 'listed values'];
test.each(SHARED)('XGrammar takes what may be written: %s', async (name) => {
  const schema = SCHEMAS[name];
  const theirs = await oracle.Grammar.fromJSONSchema(
    JSON.stringify(schema),
    true,
    undefined,
    undefined,
    false,
  );
  const recogniser = createRecogniser(compileGrammar({ schema }), 'schema');
  const dice = random(29);
  const written = Array.from({ length: 8 }, () => wander(recogniser, dice)).filter(
    (text) => text !== undefined,
  );
  expect(written.length).toBeGreaterThan(2);
  for (const text of written) {
    expect(await oracle.Testings.isGrammarAcceptString(theirs, text), text).toBe(true);
  }
});
