/** Constraints around a model that says what the test wants, and something else where that is not allowed. */
import { describe, expect, test } from 'vitest';
import { createConstraint } from '../../src/generate/constraint.js';
import { type AskSettings, createConversation } from '../../src/generate/conversation.js';
import { loadChatTemplate } from '../../src/text/chat-template.js';
import { loadTokenizer } from '../../src/text/tokenizer.js';
import { createMetadata, type MetadataValue } from '../../src/weights/gguf.js';
import { scriptedContext } from '../support/scripted-context.js';

const NAMES = ['<unk>', '<im>', '</im>', '<think>', '</think>', '<mark>'];
const KINDS = [2, 3, 3, 3, 3, 4];
const WORDS = ['▁', '▁{', '{"', '"a":', '▁yes', 'yes', '▁▁', '😀!'];
const THINKS =
  "{% for m in messages %}<im>{{ m.role + ':' + m.content }}</im>{% endfor %}<im>assistant:{% if not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}";
const OPENS = THINKS.replace(/\{% if not enable_thinking %\}.*\{% endif %\}/, "{{ '<think>\\n' }}");

const open = async (template = THINKS, spacePrefix = false, marks = true) => {
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const kinds = [...KINDS, ...bytes.map(() => 6), ...WORDS.map(() => 1)];
  if (!marks) kinds[3] = kinds[4] = 1;
  const tokens = [
    ...(marks ? NAMES : NAMES.map((name) => name.replace('think', 'thing'))),
    ...bytes,
    ...WORDS,
  ];
  const metadata = createMetadata(
    new Map<string, MetadataValue>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', tokens],
      ['tokenizer.ggml.scores', new Float32Array(tokens.length)],
      ['tokenizer.ggml.token_type', Int32Array.from(kinds)],
      ['tokenizer.ggml.eos_token_id', 2],
      ['tokenizer.ggml.add_bos_token', false],
      ['tokenizer.ggml.add_space_prefix', spacePrefix],
      ['tokenizer.chat_template', template],
    ]),
  );
  const tokenizer = loadTokenizer(metadata);
  const script = scriptedContext(tokenizer.vocab, 2);
  const conversation = await createConversation(
    script.context,
    tokenizer,
    loadChatTemplate(metadata, tokenizer),
    9999,
    { system: undefined },
    async () => undefined,
  );
  /** Says what is in the script as long as that may come; what it must say instead is the lowest allowed token. */
  const ask = async (says: string, options: AskSettings) => {
    script.say(tokenizer.encodeTemplate(says));
    let answer = '';
    let thoughts = '';
    const finish = await conversation.ask('Why?', options, {}, (text, isThought) => {
      if (isThought) thoughts += text;
      else answer += text;
    });
    return { answer, thoughts, ...finish };
  };
  return { tokenizer, ask };
};

describe('an answer', () => {
  const schema = { type: 'object', properties: { a: { type: 'boolean' } }, required: ['a'] };

  test('is what may be said, and ends where nothing can follow', async () => {
    const { ask } = await open();
    expect(await ask('{"a":true} and more', { schema })).toMatchObject({
      answer: '{"a":true}',
      reason: 'stop',
      complete: true,
      answerTokens: 9,
    });
    expect(await ask('yes', { pattern: /yes|no/ })).toMatchObject({
      answer: 'yes',
      complete: true,
      answerTokens: 3,
    });
    expect(await ask('yes yes', { grammar: 'root ::= "yes"' })).toMatchObject({
      answer: 'yes',
      reason: 'stop',
    });
  });

  test('of a model that wants to stop goes on', async () => {
    const { ask } = await open();
    const { answer, complete } = await ask('{"a', { pattern: /\{"a":[0-4]\}/ });
    expect([answer, complete]).toEqual(['{"a":0}', true]);
  });

  test('that runs out of tokens inside a value says so', async () => {
    const { ask } = await open();
    const short = await ask('{"a":true}', { schema, maxTokens: 5 });
    expect(short).toMatchObject({ reason: 'length', complete: false });
    expect('{"a":true}'.startsWith(short.answer)).toBe(true);
    expect(await ask('123', { pattern: /\d+/, maxTokens: 2 })).toMatchObject({
      answer: '12',
      reason: 'length',
      complete: true,
    });
    expect(await ask('yes', { pattern: /yes/, maxTokens: 3 })).toMatchObject({
      reason: 'stop',
      complete: true,
    });
    expect(await ask('yes', { pattern: /yes/, maxTokens: 0 })).toMatchObject({
      answer: '',
      reason: 'length',
      complete: false,
    });
  });

  test('that a stop string cuts is not complete', async () => {
    const { ask } = await open();
    expect(await ask('ab-cd', { pattern: /ab-cd/, stop: ['-'] })).toMatchObject({
      answer: 'ab',
      reason: 'stop',
      complete: false,
    });
  });

  test('has whole characters, though tokens are bytes', async () => {
    const { ask } = await open();
    expect(await ask('é😀', { pattern: /[é😀]{2}/u })).toMatchObject({ answer: 'é😀', complete: true });
    // The budget ends inside the second character.
    const { answer, complete } = await ask('éé', { pattern: /é{2}/, maxTokens: 3 });
    expect([answer, complete]).toEqual(['é\ufffd', false]);
  });

  test('of a vocabulary that writes a space in front has none', async () => {
    const { ask } = await open(THINKS, true);
    expect((await ask('yes', { pattern: /yes/ })).answer).toBe('yes');
    expect((await ask(' yes', { pattern: / yes/ })).answer).toBe(' yes');
    expect((await ask('no', { pattern: /yes/ })).answer).toBe('yes');
  });

  test('is free of constraints that were not asked for', async () => {
    const { ask } = await open();
    expect(await ask('anything', {})).not.toHaveProperty('complete');
  });
});

describe('thoughts', () => {
  const pattern = /yes|no/;

  test('are free, and what follows is not', async () => {
    const { ask } = await open();
    const found = await ask('<think>\nHm, maybe?\n</think>\n\nmaybe', { pattern, reasoning: true });
    expect(found).toMatchObject({ thoughts: 'Hm, maybe?', reason: 'stop', complete: true });
    expect(found.answer).toMatch(/^(yes|no)$/);
  });

  test('that the prompt has opened', async () => {
    const { ask } = await open(OPENS);
    const found = await ask('Hm.</think>no', { pattern, reasoning: true });
    expect(found).toMatchObject({ thoughts: 'Hm.', answer: 'no', complete: true });
    expect(await ask('Hm.', { pattern, reasoning: true, maxTokens: 2 })).toMatchObject({
      answer: '',
      complete: false,
    });
  });

  test('need not come, and do not where they are off', async () => {
    const { ask } = await open();
    expect(await ask('no', { pattern, reasoning: true })).toMatchObject({ answer: 'no', thoughts: '' });
    expect(await ask('<think>Hm.</think>no', { pattern })).toMatchObject({ thoughts: '', complete: true });
  });

  test('whose marks are no tokens are refused', async () => {
    const { ask } = await open(THINKS, false, false);
    await expect(ask('no', { pattern, reasoning: true })).rejects.toMatchObject({
      code: 'unsupported/constraint',
      details: { keyword: 'reasoning' },
    });
    expect((await ask('no', { pattern })).answer).toBe('no');
  });
});

test('a bias that leaves nothing is an error, and so is a vocabulary that cannot say it', async () => {
  const { tokenizer } = await open();
  const constraint = createConstraint(tokenizer, { pattern: /yes/ })!;
  const logits = new Float32Array(tokenizer.vocab).fill(Number.NEGATIVE_INFINITY);
  expect(() => constraint.mask(logits)).toThrow(expect.objectContaining({ code: 'input/option' }));
  logits[20] = 1;
  expect(() => constraint.mask(logits)).toThrow('gives none');
  expect(() => constraint.push(20)).toThrow('none of those');
});
