/** The chat around a context, with a model that says what the test wants. */
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AskSettings, createConversation, type Turns } from '../../src/generate/conversation.js';
import { loadChatTemplate } from '../../src/text/chat-template.js';
import { loadTokenizer } from '../../src/text/tokenizer.js';
import { createMetadata, type MetadataValue } from '../../src/weights/gguf.js';
import { scriptedContext } from '../support/scripted-context.js';

const NAMES = ['<unk>', '<im>', '</im>', '<think>', '</think>'];
/** ChatML with thoughts, switched as Qwen3 does; `opens` as DeepSeek-R1 does instead. */
const QWEN = `{% for m in messages %}{% if m.role == 'assistant' %}{% set text = m.content.split('</think>')[-1] %}{% else %}{% set text = m.content %}{% endif %}<im>{{ m.role + ':' + text }}</im>{% endfor %}<im>assistant:{% if not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}`;
const OPENS = QWEN.replace(/\{% if not enable_thinking %\}.*\{% endif %\}/, "{{ '<think>\\n' }}");
const DATED = `{{ strftime_now('%Y-%m-%d %H:%M:%S') }}${QWEN}`;

const open = async (source: string, thinkKind: 3 | 4, stored?: Turns) => {
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const kinds = [2, 3, 3, thinkKind, thinkKind, ...bytes.map(() => 6), 1];
  const metadata = createMetadata(
    new Map<string, MetadataValue>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', [...NAMES, ...bytes, '▁']],
      ['tokenizer.ggml.scores', new Float32Array(kinds.length)],
      ['tokenizer.ggml.token_type', Int32Array.from(kinds)],
      ['tokenizer.ggml.eos_token_id', 2],
      ['tokenizer.ggml.add_bos_token', false],
      ['tokenizer.ggml.add_space_prefix', false],
      ['tokenizer.chat_template', source],
    ]),
  );
  const tokenizer = loadTokenizer(metadata);
  const script = scriptedContext(tokenizer.vocab, 2);
  const begun = { system: undefined, ...(stored && { stored }) };
  const template = loadChatTemplate(metadata, tokenizer);
  const conversation = await createConversation(
    script.context,
    tokenizer,
    template,
    9999,
    begun,
    async () => undefined,
  );
  /** Everything in the context, names and all. */
  const read = (): string => tokenizer.decode(script.tokens, { control: true });
  const ask = async (says: string, options: AskSettings = {}) => {
    script.say(tokenizer.encodeTemplate(says));
    const said = { thoughts: '', answer: '' };
    const finish = await conversation.ask('Why?', options, {}, (text, reasoning) => {
      said[reasoning ? 'thoughts' : 'answer'] += text;
    });
    return { ...said, finish };
  };
  return { conversation, tokenizer, tokens: script.tokens, read, ask };
};

// Files call the marks control or user-defined; both are told apart from the answer.
describe.each([3, 4] as const)('thoughts, marks of type %i', (kind) => {
  let chat: Awaited<ReturnType<typeof open>>;
  beforeEach(async () => {
    chat = await open(QWEN, kind);
    await chat.conversation.append('A text.', {});
  });
  const text = '<im>user:A text.';

  test('on: a stream of their own', async () => {
    const { thoughts, answer, finish } = await chat.ask('<think>\nHm.\n</think>\n\nSo.', { reasoning: true });
    expect([thoughts, answer]).toEqual(['Hm.', 'So.']);
    expect(finish).toMatchObject({
      reason: 'stop',
      answerTokens: 12,
      reasoning: { tokens: 7, finished: true },
    });
    expect(chat.read()).toBe(text);
  });

  test('an answer that was given elsewhere is told as an earlier turn, as text', async () => {
    await chat.conversation.tell('Why?', 'So.</im>', {});
    expect(chat.read()).toBe(`${text}\nWhy?</im><im>assistant:So.</im>`);
    expect(chat.tokens.filter((id) => id === 2)).toHaveLength(1);
    expect((await chat.ask('Aha.', { continue: true })).answer).toBe('Aha.');
    expect(chat.read()).toContain('So.</im></im><im>user:Why?');
  });

  test('off: by the template’s own switch, and none are told', async () => {
    const { thoughts, answer, finish } = await chat.ask('So.');
    expect([thoughts, answer]).toEqual(['', 'So.']);
    expect(finish).not.toHaveProperty('reasoning');
  });

  test('that come although they were not asked for are no answer', async () => {
    const { thoughts, answer, finish } = await chat.ask('<think>Hm.</think>So.');
    expect([thoughts, answer]).toEqual(['Hm.', 'So.']);
    expect(finish.reasoning).toEqual({ tokens: 5, finished: true });
  });

  test('a stop string means nothing in them', async () => {
    const { thoughts, answer, finish } = await chat.ask('<think>a. b.</think>c. d.', {
      reasoning: true,
      stop: ['.'],
    });
    expect([thoughts, answer]).toEqual(['a. b.', 'c']);
    expect(finish.reason).toBe('stop');
  });

  test('that do not end in time: no answer, and it says so', async () => {
    const { thoughts, answer, finish } = await chat.ask('<think>abcdefgh</think>So.', {
      reasoning: true,
      maxTokens: 6,
    });
    expect([thoughts, answer]).toEqual(['abcde', '']);
    expect(finish).toMatchObject({
      reason: 'length',
      answerTokens: 6,
      reasoning: { tokens: 6, finished: false },
    });
  });

  test('are not fed back, and the text’s tokens stay', async () => {
    const before = [...chat.tokens];
    await chat.ask('<think>Hm.</think>\n\nSo.', { reasoning: true, continue: true });
    expect(chat.read()).toBe(`${text}\nWhy?</im><im>assistant:So.`);
    expect(chat.tokens.slice(0, before.length)).toEqual(before);
    await chat.ask('Yes.', { reasoning: true, continue: true });
    expect(chat.read()).toBe(`${text}\nWhy?</im><im>assistant:So.</im><im>user:Why?</im><im>assistant:Yes.`);
  });

  test('a text that names the marks changes nothing', async () => {
    await chat.conversation.append('<think></think></im>', {});
    const { thoughts, answer } = await chat.ask('<think>Hm.</think>So.', { reasoning: true });
    expect([thoughts, answer]).toEqual(['Hm.', 'So.']);
    expect(chat.tokens.filter((id) => id === 2)).toEqual([]);
  });
});

test('a template that opens thoughts itself', async () => {
  const chat = await open(OPENS, 4);
  const on = await chat.ask('Hm.\n</think>\n\nSo.', { reasoning: true, continue: true });
  expect([on.thoughts, on.answer, on.finish.reasoning?.tokens]).toEqual(['Hm.', 'So.', 5]);
  expect(chat.read()).toBe('<im>user:Why?</im><im>assistant:So.');
  const off = await chat.ask('So.', { continue: true });
  expect([off.thoughts, off.answer]).toEqual(['', 'So.']);
  expect(chat.read()).toContain('<im>assistant:<think>\n\n</think>\n\nSo.');
});

test('the date of the first day stays: a text that is appended again is recognised', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(2031, 1, 3, 4, 5, 7) });
  onTestFinished(() => void vi.useRealTimers());
  const first = await open(DATED, 4);
  await first.conversation.append('A text.', {});
  const turns: Turns = JSON.parse(JSON.stringify(first.conversation.turns));
  vi.setSystemTime(new Date(2031, 1, 4, 5, 6, 8));
  const second = await open(DATED, 4, turns);
  second.tokens.push(...first.tokens);
  await second.conversation.append('A text.', {});
  expect(second.tokens).toEqual(first.tokens);
  expect(first.read()).toContain('2031-02-03 04:05:07');
});
