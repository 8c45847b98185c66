import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { createSplitter, findPreTokenizer } from '../../src/text/pre-tokenizer.js';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.js';
import { createMetadata, type Metadata, type MetadataValue } from '../../src/weights/gguf.js';
import { openMetadata } from '../support/open-metadata.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const FILES = {
  'gpt-2': 'test/fixtures/tokenizers/gpt-2.gguf',
  'llama-spm': 'test/fixtures/tokenizers/llama-spm.gguf',
  'book-reader': 'examples/models/book-reader-5m-Q8_0.gguf',
};
type Name = keyof typeof FILES;
const NAMES = Object.keys(FILES) as Name[];
const metadata = {} as Record<Name, Metadata>;
const tokenizers = {} as Record<Name, Tokenizer>;
const BOOK = read('examples/books/sherlock.txt');

beforeAll(async () => {
  for (const name of NAMES) {
    metadata[name] = await openMetadata(FILES[name]);
    tokenizers[name] = loadTokenizer(metadata[name]);
  }
});

/** The metadata of a file with some pairs changed, or left out (undefined). */
const changed = (name: Name, changes: Record<string, MetadataValue | undefined>): Metadata => {
  const source = metadata[name];
  const pairs = new Map<string, MetadataValue>();
  for (const key of source.keys()) {
    if (!key.startsWith('tokenizer.')) continue;
    for (const read of [source.strings, source.numbers, source.string, source.number, source.boolean]) {
      try {
        pairs.set(key, read(key));
        break;
      } catch {
        // of another type
      }
    }
  }
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) pairs.delete(key);
    else pairs.set(key, value);
  }
  return createMetadata(pairs);
};

describe('vectors', () => {
  for (const name of ['gpt-2', 'llama-spm'] as const) {
    test(`${name}: llama.cpp's own`, async () => {
      const texts = read(`${FILES[name]}.inp`).split('\n__ggml_vocab_test__\n');
      const expected = read(`${FILES[name]}.out`).split('\n').slice(0, texts.length);
      expect(texts.length).toBe(47);
      const tokenizer = tokenizers[name];
      for (const [i, text] of texts.entries()) {
        const ids = await tokenizer.encode(text);
        expect(ids.join(' '), JSON.stringify(text)).toBe(expected[i]!.trim());
        expect(tokenizer.decode(ids)).toBe(text);
      }
    });
  }

  test('book-reader: a slow BPE in Python', async () => {
    const { texts, ids } = JSON.parse(read('test/fixtures/tokenizers/book-reader.json'));
    for (const [i, text] of texts.entries()) {
      const found = await tokenizers['book-reader'].encode(text);
      expect(found, JSON.stringify(text)).toEqual(ids[i]);
      expect(tokenizers['book-reader'].decode(found)).toBe(text);
    }
  });

  const { texts, words } = JSON.parse(read('test/fixtures/tokenizers/words.json'));
  for (const pre of Object.keys(words)) {
    test(`the words of ${pre}: Python's regex`, () => {
      const split = createSplitter(findPreTokenizer(pre));
      for (const [i, text] of texts.entries()) {
        expect([...split(text)], JSON.stringify(text)).toEqual(words[pre][i]);
      }
    });
  }

  test('synonyms of a pre-tokenizer are the same rule', () => {
    expect(findPreTokenizer('llama3')).toBe(findPreTokenizer('llama-bpe'));
    expect(findPreTokenizer('')).toBe(findPreTokenizer('gpt-2'));
    expect(findPreTokenizer('llama-bpe').addBos).toBe(true);
  });
});

describe('merging', () => {
  /** SentencePiece by its definition: the best-scored pair of neighbours, the leftmost of equals, again and again. */
  const slowSentencePiece = (
    texts: readonly string[],
    kinds: ArrayLike<number>,
    scores: ArrayLike<number>,
    spell: (part: string) => number[],
  ): ((text: string) => number[]) => {
    const ids = new Map(texts.flatMap((text, id) => (kinds[id] === 1 ? [[text, id] as const] : [])));
    return (text) => {
      const parts = [...` ${text}`.replaceAll(' ', '▁')];
      for (;;) {
        let best = -1;
        let bestScore = Number.NEGATIVE_INFINITY;
        for (let i = 0; i + 1 < parts.length; i++) {
          const id = ids.get(parts[i]! + parts[i + 1]!);
          if (id === undefined || scores[id]! <= bestScore) continue;
          best = i;
          bestScore = scores[id]!;
        }
        if (best < 0) break;
        parts.splice(best, 2, parts[best]! + parts[best + 1]!);
      }
      return parts.flatMap((part) => ids.get(part) ?? spell(part));
    };
  };

  test('llama-spm: by the definition', async () => {
    const spm = metadata['llama-spm'];
    const slow = slowSentencePiece(
      spm.strings('tokenizer.ggml.tokens'),
      spm.numbers('tokenizer.ggml.token_type'),
      spm.numbers('tokenizer.ggml.scores'),
      (part) => Array.from(new TextEncoder().encode(part), (byte) => byte + 3),
    );
    const { texts } = JSON.parse(read('test/fixtures/tokenizers/words.json'));
    for (const text of [
      ...texts,
      BOOK.slice(40_000, 42_000),
      'the the  the   the',
      '▁a ▁b',
      'aaaaaaaaaaaaaaa',
    ]) {
      expect(await tokenizers['llama-spm'].encode(text), JSON.stringify(text)).toEqual(slow(text));
    }
  });

  test('small vocabularies full of equal scores: by the definition', async () => {
    let seed = 3;
    const random = (below: number): number => (seed = (seed * 48271) % 0x7fffffff) % below;
    const word = (longest: number): string =>
      Array.from({ length: 1 + random(longest) }, () => 'ab▁🦙'.match(/./gu)![random(13) % 4]!).join('');
    for (let round = 0; round < 200; round++) {
      const tokens = ['<unk>', ...new Set(Array.from({ length: 2 + random(14) }, () => word(4)))];
      const kinds = Int32Array.from(tokens, (_, id) => (id === 0 ? 2 : 1));
      const scores = Float32Array.from(tokens, () => random(3));
      const tokenizer = loadTokenizer(
        createMetadata(
          new Map<string, MetadataValue>([
            ['tokenizer.ggml.model', 'llama'],
            ['tokenizer.ggml.tokens', tokens],
            ['tokenizer.ggml.token_type', kinds],
            ['tokenizer.ggml.scores', scores],
          ]),
        ),
      );
      const slow = slowSentencePiece(tokens, kinds, scores, () => [0]);
      for (let i = 0; i < 5; i++) {
        const text = word(24);
        expect(await tokenizer.encode(text), `${tokens} ${scores} ${text}`).toEqual(slow(text));
      }
    }
  });

  test('whole words of llama-bpe are tokens whatever the merges say', async () => {
    const merges = metadata['book-reader'].strings('tokenizer.ggml.merges').slice(0, 1);
    const whole = (pre: string): Tokenizer =>
      loadTokenizer(changed('book-reader', { 'tokenizer.ggml.pre': pre, 'tokenizer.ggml.merges': merges }));
    const [id] = await tokenizers['book-reader'].encode('the');
    expect(await whole('llama-bpe').encode('the')).toEqual([id]);
    expect(await whole('qwen2').encode('the')).toHaveLength(3);
  });
});

describe('text is never control', () => {
  const specials = (name: Name): [string, number][] =>
    metadata[name]
      .strings('tokenizer.ggml.tokens')
      .flatMap((text, id) =>
        [2, 3].includes(metadata[name].numbers('tokenizer.ggml.token_type')[id]!) ? [[text, id]] : [],
      );

  for (const name of NAMES) {
    test(`${name}: every special string, alone and in company`, async () => {
      const tokenizer = tokenizers[name];
      const found = specials(name);
      expect(found.length).toBeGreaterThan(0);
      for (const [text, id] of found) {
        for (const around of [text, `a${text}b`, ` ${text}\n`, text + text, `${text.slice(0, -1)}\u200b>`]) {
          const ids = await tokenizer.encode(around);
          expect(
            ids.filter((one) => found.some(([, special]) => special === one)),
            around,
          ).toEqual([]);
          expect(tokenizer.decode(ids)).toBe(around);
        }
        expect(tokenizer.encodeTemplate(text)).toEqual([id]);
        expect(tokenizer.decode([id])).toBe('');
        expect(tokenizer.decode([id], { control: true })).toBe(text);
      }
    });
  }

  test('merges that spell a control token end before it', async () => {
    // Names that the pre-tokenizers leave in one word, so that only the merging stands between them and their ids.
    for (const name of ['<|>', 'Halt']) {
      const tokens = [...metadata['book-reader'].strings('tokenizer.ggml.tokens')];
      const kinds = [...metadata['book-reader'].numbers('tokenizer.ggml.token_type')];
      const end = tokens.push(name) - 1;
      kinds.push(3);
      const chain: string[] = [];
      for (let i = 1; i < name.length; i++) {
        chain.push(`${name.slice(0, i)} ${name[i]}`);
        if (tokens.includes(name.slice(0, i + 1))) continue;
        tokens.push(name.slice(0, i + 1));
        kinds.push(1);
      }
      for (const pre of ['gpt-2', 'llama-bpe']) {
        const forged = loadTokenizer(
          changed('book-reader', {
            'tokenizer.ggml.pre': pre,
            'tokenizer.ggml.tokens': tokens,
            'tokenizer.ggml.token_type': Int32Array.from(kinds),
            'tokenizer.ggml.merges': [...chain, ...metadata['book-reader'].strings('tokenizer.ggml.merges')],
          }),
        );
        const text = `${name} 1${name}1\n${name}`;
        const ids = await forged.encode(text);
        // The pieces before the last merge are there: without the guard it would have been made.
        expect(ids).toContain(tokens.indexOf(name.slice(0, -1)));
        expect(ids).not.toContain(end);
        expect(forged.decode(ids)).toBe(text);
        expect(forged.encodeTemplate(name)).toEqual([end]);
      }
    }
  });

  test('a control token whose pieces SentencePiece would join', async () => {
    const tokens = ['<unk>', '</s>', '<', '/', 's', '>', '</', '</s', '▁'];
    const pairs = new Map<string, MetadataValue>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', tokens],
      ['tokenizer.ggml.token_type', Int32Array.of(2, 3, 1, 1, 1, 1, 1, 1, 1)],
      ['tokenizer.ggml.scores', new Float32Array(9)],
      ['tokenizer.ggml.add_space_prefix', false],
    ]);
    expect(await loadTokenizer(createMetadata(pairs)).encode('</s>')).toEqual([7, 5]);
  });

  test('a token that only looks like control by its type missing or wrong', async () => {
    const kinds = new Int32Array(metadata['book-reader'].strings('tokenizer.ggml.tokens').length).fill(1);
    for (const types of [undefined, kinds]) {
      const tokenizer = loadTokenizer(changed('book-reader', { 'tokenizer.ggml.token_type': types }));
      expect([...tokenizer.stops].sort()).toEqual([4093, 4095]);
      expect(await tokenizer.encode('<|im_end|>')).not.toContain(4095);
      expect(tokenizer.encodeTemplate('<|im_end|>')).toEqual([4095]);
    }
  });

  test('user-defined tokens count in plain text, leftmost and longest', async () => {
    const tokens = [...metadata['book-reader'].strings('tokenizer.ggml.tokens'), '<tool>', '<tool><', '  '];
    const kinds = [...metadata['book-reader'].numbers('tokenizer.ggml.token_type'), 4, 4, 4];
    const tokenizer = loadTokenizer(
      changed('book-reader', {
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.token_type': Int32Array.from(kinds),
      }),
    );
    const [a] = await tokenizer.encode('a');
    expect(await tokenizer.encode('a<tool>a<tool><a  a')).toEqual([a, 4096, a, 4097, a, 4098, a]);
    expect(tokenizer.decode([a!, 4096, a!, 4098])).toBe('a<tool>a  ');
  });
});

describe('long texts', () => {
  const code = read('src/text/template-render.ts').repeat(9);
  const mixed = `${'我想在工作。'.repeat(2000)}${'🦙👩‍👩‍👧‍👦 '.repeat(2000)}${' '.repeat(5000)}${'\n'.repeat(5000)}x${'\t '.repeat(5000)}`;

  for (const name of NAMES) {
    test(`${name}: slices change no id, and the text comes back`, async () => {
      const tokenizer = tokenizers[name];
      for (const text of [BOOK, code, mixed]) {
        const seen: number[] = [];
        const ids = await tokenizer.encode(text, { onProgress: (done) => seen.push(done) });
        expect(seen.length).toBeGreaterThan(1);
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
        expect(seen.at(-1)).toBe(text.length);
        // The template way has no slices.
        const oneGo = tokenizer.encodeTemplate(text);
        expect(ids.length).toBe(oneGo.length);
        expect(ids.every((id, i) => id === oneGo[i])).toBe(true);
        expect(tokenizer.decode(ids) === text).toBe(true);
      }
    });
  }

  test('texts encoded at the same time do not disturb each other', async () => {
    const texts = [BOOK.slice(0, 150_000), mixed, code.slice(0, 120_000)];
    for (const name of NAMES) {
      const together = await Promise.all(texts.map((text) => tokenizers[name].encode(text)));
      for (const [i, text] of texts.entries()) {
        const alone = tokenizers[name].encodeTemplate(text);
        expect(together[i]!.length).toBe(alone.length);
        expect(together[i]!.every((id, at) => id === alone[at])).toBe(true);
      }
    }
  });

  test('yields to the event loop, and stops when told', async () => {
    const controller = new AbortController();
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 1);
    const seen: number[] = [];
    const run = tokenizers['gpt-2'].encode(BOOK, {
      signal: controller.signal,
      onProgress: (done) => {
        seen.push(done);
        if (seen.length === 4) controller.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    clearInterval(ticker);
    expect(seen.length).toBe(4);
    expect(ticks).toBeGreaterThan(0);
    const early = tokenizers['gpt-2'].encode('a', { signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('a word without end is cut and comes back', async () => {
    for (const unit of ['a', '🦙', ' ']) {
      const text = unit.repeat(70_000);
      const ids = await tokenizers['book-reader'].encode(text);
      expect(tokenizers['book-reader'].decode(ids) === text).toBe(true);
    }
  });
});

describe('edges', () => {
  test('empty texts and lone surrogates', async () => {
    for (const name of NAMES) {
      const tokenizer = tokenizers[name];
      expect(await tokenizer.encode('')).toEqual([]);
      expect(tokenizer.encodeTemplate('')).toEqual([]);
      expect(tokenizer.decode([])).toBe('');
      for (const text of ['a\ud83eb', '\udd99', '\ud83e', '\udd99\ud83e']) {
        const ids = await tokenizer.encode(text);
        expect(ids).toEqual(await tokenizer.encode(text.replace(/\p{Surrogate}/gu, '\ufffd')));
        expect(tokenizer.decode(ids)).toBe(text.replace(/\p{Surrogate}/gu, '\ufffd'));
      }
    }
  });

  test('the space of SentencePiece: at the start and after control, nowhere else', async () => {
    const tokenizer = tokenizers['llama-spm'];
    const [hello] = await tokenizer.encode('Hello');
    const bare = await tokenizer.encode('Hello', { after: hello });
    expect(tokenizer.decode([hello!, ...bare])).toBe('HelloHello');
    expect(await tokenizer.encode('Hello', { after: 1 })).toEqual([hello]);
    expect(tokenizer.encodeTemplate('<s>Hello</s>Hello')).toEqual([1, hello, 2, hello]);
    expect(tokenizer.encodeTemplate('Hello', hello)).toEqual(bare);
    const without = loadTokenizer(changed('llama-spm', { 'tokenizer.ggml.add_space_prefix': false }));
    expect(await without.encode('Hello')).toEqual(bare);
    expect(without.decode(await without.encode(' Hello'))).toBe(' Hello');
  });

  test('a stream gives what decode gives', async () => {
    for (const name of NAMES) {
      const tokenizer = tokenizers[name];
      const ids = await tokenizer.encode(' 👩‍👩‍👧‍👦 naïve 我🦙  end');
      for (let from = 0; from < ids.length; from++) {
        const some = ids.slice(from);
        const stream = tokenizer.stream();
        expect(some.map((id) => stream.push(id)).join('') + stream.end()).toBe(tokenizer.decode(some));
      }
    }
  });

  test('ids outside the vocabulary are refused', () => {
    const tokenizer = tokenizers['book-reader'];
    for (const id of [-1, 4096, 1.5, Number.NaN]) {
      expect(() => tokenizer.decode([id])).toThrow(expect.objectContaining({ code: 'input/type' }));
      expect(() => tokenizer.stream().push(id)).toThrow(expect.objectContaining({ code: 'input/type' }));
    }
  });

  test('what the files say of themselves', () => {
    expect(NAMES.map((name) => tokenizers[name].vocab)).toEqual([50257, 32000, 4096]);
    expect(NAMES.map((name) => tokenizers[name].bos)).toEqual([undefined, 1, undefined]);
    expect(NAMES.map((name) => [...tokenizers[name].stops])).toEqual([[50256], [2], [4095, 4093]]);
    const withBos = changed('gpt-2', { 'tokenizer.ggml.add_bos_token': true });
    expect(loadTokenizer(withBos).bos).toBe(50256);
    expect(loadTokenizer(changed('gpt-2', { 'tokenizer.ggml.pre': 'llama3' })).bos).toBe(50256);
  });

  test('marks: tokens that end a sentence or a line', async () => {
    for (const name of NAMES) {
      const tokenizer = tokenizers[name];
      const marked = async (text: string): Promise<number> =>
        tokenizer.marks[(await tokenizer.encode(text)).at(-1)!]!;
      for (const text of ['end.', 'what?', 'no!', 'line\n', 'so.\n'])
        expect(await marked(text), text).toBe(1);
      for (const text of ['end', 'a,', 'b;', '(', '3', ' ', '我']) expect(await marked(text), text).toBe(0);
      for (const id of tokenizer.stops) expect(tokenizer.marks[id]).toBe(0);
    }
    const texts = metadata['gpt-2'].strings('tokenizer.ggml.tokens');
    const marks = tokenizers['gpt-2'].marks;
    for (const text of ['."', '.)', '!"', '?).', 'ĊĊ', '...'])
      expect(marks[texts.indexOf(text)], text).toBe(1);
    for (const text of ['",', '.,', 'Ġ"', '.-']) expect(marks[texts.indexOf(text)], text).toBe(0);
  });

  test('the signature is one of vocabulary, merges and rules', () => {
    const signatureOf = (changes: Record<string, MetadataValue>): string =>
      loadTokenizer(changed('book-reader', changes)).signature;
    const own = tokenizers['book-reader'].signature;
    expect(own).toMatch(/^[0-9a-f]{16}$/);
    expect(signatureOf({ 'tokenizer.chat_template': 'x' })).toBe(own);
    const tokens = metadata['book-reader'].strings('tokenizer.ggml.tokens');
    const merges = metadata['book-reader'].strings('tokenizer.ggml.merges');
    const others = [
      { 'tokenizer.ggml.pre': 'gpt-2' },
      { 'tokenizer.ggml.merges': merges.slice(0, -1) },
      { 'tokenizer.ggml.merges': [merges[1]!, merges[0]!, ...merges.slice(2)] },
      { 'tokenizer.ggml.tokens': [...tokens.slice(0, 4092), 'zzz', ...tokens.slice(4093)] },
    ].map(signatureOf);
    expect(new Set([own, ...others]).size).toBe(5);
  });

  test('what is not supported is named, with what is', () => {
    const refused = (changes: Record<string, MetadataValue | undefined>) => () =>
      loadTokenizer(changed('book-reader', changes));
    for (const model of ['bert', 't5', 'toString']) {
      const error = {
        code: 'unsupported/tokenizer',
        message: expect.stringMatching(`"${model}".*gpt2.*llama`),
      };
      expect(refused({ 'tokenizer.ggml.model': model })).toThrow(expect.objectContaining(error));
    }
    const error = {
      code: 'unsupported/tokenizer',
      message: expect.stringMatching(/"kimi-k2".*qwen2.*llama-bpe/),
    };
    expect(refused({ 'tokenizer.ggml.pre': 'kimi-k2' })).toThrow(expect.objectContaining(error));
  });

  test('incomplete metadata are corrupt', () => {
    const corrupt = expect.objectContaining({ code: 'model/corrupt' });
    const refused = (name: Name, changes: Record<string, MetadataValue | undefined>) =>
      expect(() => loadTokenizer(changed(name, changes))).toThrow(corrupt);
    refused('book-reader', { 'tokenizer.ggml.tokens': undefined });
    refused('book-reader', { 'tokenizer.ggml.merges': undefined });
    refused('book-reader', { 'tokenizer.ggml.token_type': Int32Array.of(1) });
    refused('book-reader', { 'tokenizer.ggml.eos_token_id': 4096 });
    refused('llama-spm', { 'tokenizer.ggml.scores': Float32Array.of(1) });
    const tokens = metadata['book-reader']
      .strings('tokenizer.ggml.tokens')
      .map((t) => (t === 'Ā' ? 'ĀĀĀ' : t));
    refused('book-reader', { 'tokenizer.ggml.tokens': tokens });
  });
});
