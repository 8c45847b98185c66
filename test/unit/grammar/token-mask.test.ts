/** Masks from the trie against every token tried by itself, and against a grammar library that others keep. */
import { describe, expect, test } from 'vitest';
import { compileGrammar } from '../../../src/generate/grammar/compile.js';
import type { GrammarOptions } from '../../../src/generate/grammar/options.js';
import { createRecogniser } from '../../../src/generate/grammar/recogniser.js';
import { createTokenMask } from '../../../src/generate/grammar/token-mask.js';
import { createTokenTrie } from '../../../src/generate/grammar/token-trie.js';
import { random } from '../../support/random.js';
import { follow } from './reading.js';
import { SCHEMAS } from './schemas.js';

const encoder = new TextEncoder();

/** Single bytes, pieces of JSON, halves of characters, and two tokens that are spelled alike. */
const vocabulary = (): Uint8Array[] => {
  const dice = random(3);
  const singles = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const pieces = [
    '": ',
    '{"',
    '"}',
    '", "',
    '"]',
    ']]',
    '}}',
    '}, {',
    '[]',
    '{}',
    'tr',
    'true',
    'null,',
    ' "',
    '  ',
    '\n',
  ];
  const words = [
    'name',
    '"name":',
    'kind',
    '"a"',
    '12',
    '1234',
    '-1',
    '0.5',
    'e+1',
    '\\u00',
    '\\"',
    'AB',
    '2024-0',
    'é',
    '😀',
  ];
  const texts = [...pieces, ...words, ...pieces].map((text) => encoder.encode(text));
  const halves = [
    encoder.encode('😀').subarray(0, 2),
    encoder.encode('😀"').subarray(2),
    Uint8Array.of(0xff, 0x22),
  ];
  const mixed = Array.from({ length: 150 }, () => {
    const parts = Array.from({ length: 1 + dice.below(3) }, () => texts[dice.below(texts.length)]!);
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  });
  return [...singles, new Uint8Array(0), ...texts, ...halves, ...mixed];
};

const GRAMMARS: readonly GrammarOptions[] = [
  ...Object.values(SCHEMAS).map((schema) => ({ schema })),
  { pattern: /(?:[a-e"]|é|😀|[^x]{3})*true|\d{1,40}/ },
  { grammar: 'root ::= list | "x"\nlist ::= "[" ( root ("," root)* )? "]" ' },
  // More ways of reading than are walked apart.
  { pattern: /(?:a|[^b]{1,20}c|.{0,40}d)+/ },
];

describe('the mask of a state', () => {
  const tokens = vocabulary();
  const trie = createTokenTrie(tokens.length, (id) => tokens[id]);
  test('the trie holds every token once', () => {
    expect([...trie.tokens].sort((a, b) => a - b)).toEqual(
      [...tokens.keys()].filter((id) => tokens[id]!.length > 0),
    );
  });

  test.each(GRAMMARS)('%j', (options) => {
    const recogniser = createRecogniser(compileGrammar(options), 'grammar');
    const maskOf = createTokenMask(recogniser, trie);
    const dice = random(17);
    let ways = 0;
    for (let run = 0; run < 2; run++) {
      let state = recogniser.start;
      for (let i = 0; i < 10; i++) {
        const mask = new Uint32Array((tokens.length + 31) >> 5);
        maskOf(state, mask);
        const allowed = [...tokens.keys()].filter((id) => (mask[id >> 5]! >>> (id & 31)) & 1);
        const tried = [...tokens.keys()].filter(
          (id) => tokens[id]!.length > 0 && follow(recogniser, state, tokens[id]!),
        );
        expect(allowed).toEqual(tried);
        if (allowed.length === 0) {
          expect(state.accepts).toBe(true);
          break;
        }
        ways += allowed.length;
        const long = allowed.filter((id) => tokens[id]!.length > 1);
        const from = long.length > 0 && dice.below(2) === 0 ? long : allowed;
        state = follow(recogniser, state, tokens[from[dice.below(from.length)]!]!)!;
      }
    }
    expect(ways).toBeGreaterThan(0);
  });
});
