/** Whole texts against llama.cpp: every pre-tokenizer, and the named tokens of the families. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findPreTokenizer, preTokenizerNames } from '../../src/text/pre-tokenizer.js';
import { loadTokenizer } from '../../src/text/tokenizer.js';
import { random } from '../support/random.js';
import { HARD_TEXTS } from './hard-texts.js';
import { byteLevelVocabulary, familyNames, familyVocabulary, RULES } from './vocabularies.js';

interface Recorded {
  /** Name → the rule that gives the same ids for all texts. */
  readonly synonyms: Readonly<Record<string, string | null>>;
  readonly bos: Readonly<Record<string, number | null>>;
  readonly rules: readonly { readonly name: string; readonly ids: readonly number[][] }[];
  readonly families: readonly {
    readonly name: string;
    readonly bos: number | null;
    readonly stops: readonly number[];
    readonly plain: readonly number[][];
    readonly named: readonly number[][];
  }[];
}
const recorded: Recorded = JSON.parse(readFileSync(new URL('./vocabularies.json', import.meta.url), 'utf8'));

/**
 * Texts (by index) where llama.cpp cuts in another way than the models' own tokenizer.json, which is followed here: its
 * patterns of cases know only ASCII's cases and leave marks out (test/golden/tokenizer-vectors.py has Python's word on
 * both rules), and its classes without \p see other spaces than U+0020 as U+000B.
 */
const CASES = [26, 27, 28, 33, 34, 35, 36, 37, 53];
const OWN: Readonly<Record<string, readonly number[]>> = {
  tekken: CASES,
  'gpt-4o': CASES,
  'deepseek-llm': [20],
  'deepseek-coder': [20],
};

describe.each(RULES)('the rule of %s', (name) => {
  const tokenizer = loadTokenizer(byteLevelVocabulary(name).metadata);
  const { ids } = recorded.rules.find((rule) => rule.name === name)!;

  test('cuts every text as llama.cpp does, and the text comes back', async () => {
    expect(ids.length).toBe(HARD_TEXTS.length);
    for (const [i, text] of HARD_TEXTS.entries()) {
      const found = await tokenizer.encode(text);
      if (OWN[name]?.includes(i)) expect(found, `${i}`).not.toEqual(ids[i]);
      else expect(found, `${i} ${JSON.stringify(text)}`).toEqual(ids[i]);
      expect(tokenizer.decode(found)).toBe(text);
    }
  });

  test('joined by pieces of a stream, the ids are the same text', async () => {
    for (const text of HARD_TEXTS) {
      const stream = tokenizer.stream();
      const found = await tokenizer.encode(text);
      expect(found.map((id) => stream.push(id)).join('') + stream.end()).toBe(text);
    }
  });
});

test('no rule is another: the texts tell them apart', () => {
  const seen = recorded.rules.map(({ ids }) => JSON.stringify(ids));
  expect(new Set(seen).size).toBe(RULES.length);
});

test('every name is the rule that llama.cpp takes it for', () => {
  for (const name of preTokenizerNames) {
    const rule = recorded.synonyms[name];
    expect(rule, name).toBeDefined();
    expect(findPreTokenizer(name), name).toEqual({
      ...findPreTokenizer(rule!),
      addBos: recorded.bos[name] !== null,
    });
  }
});

test('a name that nobody knows is refused, with the names that are', () => {
  expect(() => findPreTokenizer('gemma9')).toThrow(/gemma9.*Supported: .*qwen2.*tekken/);
});

describe.each(familyNames)('named tokens of %s', (name) => {
  const family = recorded.families.find((one) => one.name === name)!;
  const opened = familyVocabulary(name).then(({ metadata }) => ({
    metadata,
    tokenizer: loadTokenizer(metadata),
  }));

  test('in plain text and in template text, as llama.cpp has them', async () => {
    const { tokenizer } = await opened;
    for (const [i, text] of HARD_TEXTS.entries()) {
      expect(await tokenizer.encode(text), JSON.stringify(text)).toEqual(family.plain[i]);
      expect(tokenizer.encodeTemplate(text), JSON.stringify(text)).toEqual(family.named[i]);
    }
  });

  test('any text comes back', async () => {
    const { tokenizer } = await opened;
    const { below } = random(12);
    const parts = HARD_TEXTS.flatMap((text) => [...text.matchAll(/.{1,6}/gsu)].map(([part]) => part));
    for (let round = 0; round < 200; round++) {
      const text = Array.from({ length: 1 + below(12) }, () => parts[below(parts.length)]!).join('');
      // SentencePiece writes its own space mark for both.
      const written = tokenizer.decode(await tokenizer.encode(text));
      expect(written.replaceAll('▁', ' '), JSON.stringify(text)).toBe(text.replaceAll('▁', ' '));
    }
  });

  test('begin and end', async () => {
    const { tokenizer } = await opened;
    expect(tokenizer.bos ?? null).toBe(family.bos);
    expect([...tokenizer.stops].sort((a, b) => a - b)).toEqual(family.stops);
  });

  test('are never made by a text', async () => {
    const { metadata, tokenizer } = await opened;
    const kinds = metadata.numbers('tokenizer.ggml.token_type');
    const control = metadata
      .strings('tokenizer.ggml.tokens')
      .flatMap((text, id) => (kinds[id] === 3 ? [[text, id] as const] : []));
    expect(control.length).toBeGreaterThan(0);
    for (const [text] of control) {
      for (const around of [text, `a ${text}\n${text}`, text + text]) {
        const ids = await tokenizer.encode(around);
        expect(
          ids.filter((id) => control.some(([, one]) => one === id)),
          around,
        ).toEqual([]);
        expect(tokenizer.decode(ids)).toBe(around);
      }
    }
  });
});
