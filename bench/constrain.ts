/**
 * What a constraint costs for each token, beside an answer that is free: Node, one thread, of a vocabulary that is as large
 * as those of real models. `node bench/run.mjs constrain [--tokens 128000]`
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { compileGrammar } from '../src/generate/grammar/compile.js';
import type { GrammarOptions } from '../src/generate/grammar/options.js';
import { createRecogniser, type State } from '../src/generate/grammar/recogniser.js';
import { createTokenMask } from '../src/generate/grammar/token-mask.js';
import { createTokenTrie } from '../src/generate/grammar/token-trie.js';
import { random } from '../test/support/random.js';

const { values: given } = parseArgs({ options: { tokens: { type: 'string', default: '128000' } } });
const vocab = Number(given.tokens);

/** Bytes, marks of JSON and made-up words with and without a space in front: about as long as real ones, 6 bytes. */
const vocabulary = (): Uint8Array[] => {
  const dice = random(7);
  const encoder = new TextEncoder();
  const marks = [
    '{"',
    '": "',
    '", "',
    '"}',
    '":',
    '},',
    '"]',
    ' "',
    '\n  "',
    '[{"',
    ': ',
    ', ',
    'true',
    'false',
    'null',
  ];
  const letters = 'etaoinshrdlucmfwypvbgkqjxz';
  const letter = (): string => letters[Math.floor(letters.length * dice.next() ** 2)]!;
  const words = new Set<string>(marks);
  while (words.size < vocab - 256) {
    const word = Array.from({ length: 1 + dice.below(5) + dice.below(6) }, letter).join('');
    words.add(`${dice.below(2) ? ' ' : ''}${dice.below(6) ? word : word[0]!.toUpperCase() + word.slice(1)}`);
  }
  return [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ...Array.from(words, (word) => encoder.encode(word)),
  ];
};

const person = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    kin: { type: 'array', items: { $ref: '#' }, maxItems: 3 },
    note: { type: 'string', maxLength: 200 },
  },
  required: ['name', 'age'],
};
const GRAMMARS: Readonly<Record<string, GrammarOptions>> = {
  'schema, an object': { schema: person },
  'schema, anything': { schema: true },
  'pattern, a date': { pattern: /\d{4}-\d\d-\d\d/ },
  'pattern, any text': { pattern: /[\s\S]*/u },
  'pattern, up to 400 characters': { pattern: /[^\n]{1,400}/u },
};

const since = (start: number): number => performance.now() - start;
const tokens = vocabulary();
const began = performance.now();
const trie = createTokenTrie(vocab, (id) => tokens[id]);
console.log(`${cpus()[0]?.model}, Node ${process.version}, ${vocab} tokens`);
console.log(`trie: ${since(began).toFixed(0)} ms once for each model, ${trie.bytes.length} places`);
console.log('grammar: compiled ms | mask ms: the first | median | 95 % | most | tokens');
for (const [name, options] of Object.entries(GRAMMARS)) {
  const start = performance.now();
  const recogniser = createRecogniser(compileGrammar(options), 'schema');
  const compiled = since(start);
  const maskOf = createTokenMask(recogniser, trie);
  const dice = random(31);
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    let state: State | undefined = recogniser.start;
    for (let i = 0; i < 200 && state; i++) {
      const mask = new Uint32Array((vocab + 31) >> 5);
      const at = performance.now();
      maskOf(state, mask);
      times.push(since(at));
      const allowed: number[] = [];
      for (let id = 0; id < vocab; id++) if ((mask[id >> 5]! >>> (id & 31)) & 1) allowed.push(id);
      if (allowed.length === 0) break;
      for (const byte of tokens[allowed[dice.below(allowed.length)]!]!)
        state = state && recogniser.step(state, byte);
    }
  }
  const first = times[0]!;
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(2);
  console.log(
    `${name}: ${compiled.toFixed(1)} | ${first.toFixed(2)} | ${at(0.5)} | ${at(0.95)} | ${at(1)} | ${times.length}`,
  );
}
