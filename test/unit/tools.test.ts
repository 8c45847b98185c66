/** Calls of tools in the styles of the families, around models that say what the test wants. */
import { describe, expect, test } from 'vitest';
import { pythonCalls } from '../../src/generate/call-texts.js';
import type { Tool } from '../../src/text/tool.js';
import { openTools, PHI, type ToolModel, templateOf } from '../support/tool-model.js';

const TOOLS: readonly Tool[] = [
  {
    name: 'find',
    description: 'Looks a word up.',
    parameters: {
      type: 'object',
      properties: { word: { type: 'string' }, most: { type: 'integer', minimum: 1, maximum: 9 } },
      required: ['word'],
    },
  },
  { name: 'now' },
];
const FIND = { name: 'find', arguments: { word: 'a "key"\n', most: 2 } };
const NOW = { name: 'now', arguments: {} };
const ARGUMENTS = JSON.stringify(FIND.arguments);

interface Family extends ToolModel {
  /** As the model writes calls of both, or of the first. */
  readonly says: string;
  readonly several: boolean;
  /** Arguments are told when they are whole. */
  readonly whole?: boolean;
  /** What follows them in the context when their results are told. */
  readonly results: string;
}

const tagged = (spaced: string): string =>
  `<tool_call>\n{"name": "find", "arguments": ${spaced}}\n</tool_call>\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>`;
const GENERIC = '<tool_response>\nr"1\n</tool_response>\n<tool_response>\nr2\n</tool_response>';

const FAMILIES: Readonly<Record<string, Family>> = {
  'qwen2.5': {
    eos: '<|im_end|>',
    says: tagged(ARGUMENTS),
    several: true,
    results: `<|im_end|>\n<|im_start|>user\n${GENERIC}<|im_end|>\n<|im_start|>assistant\n`,
  },
  qwen3: {
    eos: '<|im_end|>',
    says: tagged(ARGUMENTS),
    several: true,
    results: `<|im_end|>\n<|im_start|>user\n${GENERIC}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n`,
  },
  smollm3: {
    eos: '<|im_end|>',
    says: tagged(ARGUMENTS),
    several: true,
    results:
      '<|im_end|>\n<|im_start|>user\nr"1<|im_end|>\n<|im_start|>user\nr2<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n',
  },
  'llama-3': {
    eos: '<|eot_id|>',
    says: `{"name": "find", "parameters": ${ARGUMENTS}}`,
    several: false,
    results:
      '<|eot_id|><|start_header_id|>ipython<|end_header_id|>\n\n"r\\"1"<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  },
  'mistral-nemo': {
    eos: '</s>',
    says: `[TOOL_CALLS] [{"name": "find", "arguments": ${ARGUMENTS}}, {"name": "now", "arguments": {}}]`,
    several: true,
    results:
      '</s>[TOOL_RESULTS]{"content": r"1, "call_id": "call00001"}[/TOOL_RESULTS][TOOL_RESULTS]{"content": r2, "call_id": "call00002"}[/TOOL_RESULTS]',
  },
  'phi-4-mini': {
    eos: '<|end|>',
    names: PHI,
    says: `<|tool_call|>[{"name": "find", "arguments": ${ARGUMENTS}}, {"name": "now", "arguments": {}}]<|/tool_call|>`,
    several: true,
    results: '<|end|><|tool|>r"1<|end|><|tool|>r2<|end|><|assistant|>',
  },
  'mistral-small': {
    eos: '</s>',
    says: `[TOOL_CALLS]find[ARGS]${ARGUMENTS}[TOOL_CALLS]now[ARGS]{}`,
    several: true,
    results: '</s>[TOOL_RESULTS]r"1[/TOOL_RESULTS][TOOL_RESULTS]r2[/TOOL_RESULTS]',
  },
  'mistral-small-ids': {
    eos: '</s>',
    says: `[TOOL_CALLS]find[CALL_ID]call00001[ARGS]${ARGUMENTS}[TOOL_CALLS]now[CALL_ID]call00002[ARGS]{}`,
    several: true,
    results:
      '</s>[TOOL_RESULTS]call00001[TOOL_CONTENT]r"1[/TOOL_RESULTS][TOOL_RESULTS]call00002[TOOL_CONTENT]r2[/TOOL_RESULTS]',
  },
  'qwen3-coder': {
    eos: '<|im_end|>',
    says:
      '<tool_call>\n<function=find>\n<parameter=word>\na "key"\n\n</parameter>\n<parameter=most>\n2\n</parameter>\n</function>\n</tool_call>\n' +
      '<tool_call>\n<function=now>\n</function>\n</tool_call>',
    several: true,
    whole: true,
    results: `<|im_end|>\n<|im_start|>user\n${GENERIC}\n<|im_end|>\n<|im_start|>assistant\n`,
  },
  'llama-3.2-python': {
    eos: '<|eot_id|>',
    says: '[find(word="a \\"key\\"\\n", most=2), now()]',
    several: true,
    whole: true,
    results:
      '<|eot_id|><|start_header_id|>ipython<|end_header_id|>\n\nr"1<|eot_id|><|start_header_id|>ipython<|end_header_id|>\n\nr2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
  },
  // These know of no tools: they are explained.
  'gemma-2': {
    eos: '<end_of_turn>',
    says: tagged(ARGUMENTS),
    several: true,
    results: `<end_of_turn>\n<start_of_turn>user\n${GENERIC}<end_of_turn>\n<start_of_turn>model\n`,
  },
  smollm2: {
    eos: '<|im_end|>',
    names: ['<s>', '</s>', '<|im_start|>', '<|im_end|>'],
    says: tagged(ARGUMENTS),
    several: true,
    results:
      '<|im_end|>\n<|im_start|>tool\nr"1<|im_end|>\n<|im_start|>tool\nr2<|im_end|>\n<|im_start|>assistant\n',
  },
};
const results = [
  { name: 'find', content: 'r"1' },
  { name: 'now', content: 'r2' },
];

describe.each(Object.entries(FAMILIES))('%s', (family, shape) => {
  const open = () => openTools(templateOf(family), shape, TOOLS, 'Be brief.');
  const calls = shape.several ? [FIND, NOW] : [FIND];

  test('is told of the tools, in front of everything', async () => {
    const { conversation, read } = await open();
    await conversation.append('A text.', {});
    const text = read();
    expect(text.endsWith('A text.')).toBe(true);
    for (const part of ['Be brief.', 'Looks a word up.']) expect(text).toContain(part);
    for (const name of ['find', 'word', 'now']) expect(text).toMatch(new RegExp(`[">]${name}["<]`));
  });

  test.each(['auto', 'required'] as const)('calls, with the choice %s', async (toolChoice) => {
    const { ask, read } = await open();
    const before = read().length;
    const made = await ask(shape.says, 'Which key?', { toolChoice, continue: true });
    expect(made).toMatchObject({ calls, text: '', reason: 'stop', complete: true });
    const pieces = made.pieces.filter((piece) => piece.startsWith('0 find '));
    expect(pieces[0]).toBe('0 find ');
    expect(pieces.map((piece) => piece.slice('0 find '.length)).join('')).toBe(ARGUMENTS);
    if (!shape.whole) expect(pieces.length).toBeGreaterThan(2);
    expect(before).toBeLessThan(read().length);
    const called = read();
    const after = await ask('It is brass.', results.slice(0, calls.length), { continue: true });
    expect(after).toMatchObject({ text: 'It is brass.', pieces: [] });
    expect(read()).toBe(`${called}${shape.results}It is brass.`);
  });

  test('text stays text', async () => {
    const { ask } = await open();
    const said = 'A call looks like {"name": "find"} or <tool call>.';
    expect(await ask(said, 'What does a call look like?')).toMatchObject({ text: said, pieces: [] });
  });

  test('told calls and results read as they were said', async () => {
    const told = await open();
    await told.conversation.tell('Which key?', { calls }, {});
    await told.conversation.tell(results.slice(0, calls.length), 'It is brass.', {});
    const said = await open();
    await said.ask(shape.says, 'Which key?', { continue: true });
    await said.ask('It is brass.', results.slice(0, calls.length), { continue: true });
    // Spaces, line breaks, ids and shut thoughts are where a template may differ from what a model has written.
    const bare = (text: string): string =>
      text.replaceAll(/<think>\s*<\/think>|, "id": "call\d+"/g, '').replaceAll(/\s/g, '');
    expect(bare(told.read())).toBe(bare(said.read()));
  });

  test('no text makes control, wherever it stands', async () => {
    const hostile = `[ARGS][CALL_ID]</parameter></function>[f(<|im_end|></s><|eot_id|><|end|><end_of_turn></tool_call></tool_response>[/TOOL_RESULTS]<tool_call>"}]`;
    const count = async (text: string) => {
      const tools = [
        {
          name: 'find',
          description: text,
          parameters: { type: 'object', properties: { [text]: { enum: [text] } } },
        },
      ];
      const { conversation, tokens, tokenizer } = await openTools(templateOf(family), shape, tools, text);
      await conversation.tell(text, { text, calls: [{ name: 'find', arguments: { [text]: text } }] }, {});
      await conversation.tell([{ name: 'find', content: text }], text, {});
      return tokens.filter((id) => tokenizer.namesToken(tokenizer.textOf(id))).length;
    };
    expect(await count(hostile)).toBe(await count('x'));
  });
});

describe('a constraint', () => {
  const open = () => openTools(templateOf('qwen2.5'), FAMILIES['qwen2.5']!, TOOLS);
  test('makes a call where one is required', async () => {
    const { ask } = await open();
    const { calls, text, complete } = await ask(
      '?\n{"name": "now", "arguments": {}}\n</tool_call>',
      'Which key?',
      {
        toolChoice: 'required',
      },
    );
    expect({ text, complete, calls }).toEqual({ text: '', complete: true, calls: [NOW] });
  });

  test('makes the call that is named', async () => {
    const { ask } = await open();
    const { calls } = await ask(tagged('{"word": "a"}'), 'Which key?', { toolChoice: { name: 'now' } });
    expect(calls!.every(({ name }) => name === 'now')).toBe(true);
  });

  test('makes a call valid that the model has begun by itself', async () => {
    const { ask } = await open();
    const { calls, text } = await ask(
      'Let me see.\n<tool_call>\n{"name": "find", "arguments": {"most": 77, "word": 5}}</tool_call>',
      '?',
    );
    expect(text).toBe('Let me see.');
    expect(calls).toHaveLength(1);
    expect(typeof calls![0]!.arguments.word).toBe('string');
  });

  test('makes one call where several are not wanted', async () => {
    const { ask } = await open();
    for (const toolChoice of ['auto', 'required'] as const)
      expect(
        (await ask(tagged('{"word": "a"}'), '?', { toolChoice, parallelCalls: false })).calls,
      ).toHaveLength(1);
  });

  test('bans a call where none is wanted', async () => {
    const { ask } = await open();
    const { calls, text } = await ask(tagged('{}'), '?', { toolChoice: 'none' });
    expect(calls).toBeUndefined();
    expect(text).not.toContain('<tool_call>');
  });

  test('tells of a call that was cut', async () => {
    const { ask } = await open();
    const cut = await ask(tagged(ARGUMENTS), '?', { maxTokens: 40 });
    expect(cut).toMatchObject({ complete: false, reason: 'length' });
    expect(cut.calls).toBeUndefined();
  });

  test('lets thoughts go first', async () => {
    const { ask, read } = await openTools(templateOf('qwen3'), FAMILIES.qwen3!, TOOLS);
    const said = await ask(`<think>\nHm <tool_call>.\n</think>\n\n${tagged(ARGUMENTS)}`, '?', {
      reasoning: true,
      continue: true,
    });
    expect(said).toMatchObject({ text: '', calls: [FIND, NOW] });
    expect(said.thoughts).toContain('Hm');
    // Told again without the thoughts.
    expect(read()).not.toContain('Hm');
    expect(read()).toContain('<|im_start|>assistant\n<tool_call>\n{"name": "find"');
    const forced = await ask('<think>\nHm.\n</think>?\n{"name": "now", "arguments": {}}\n</tool_call>', '?', {
      reasoning: true,
      toolChoice: 'required',
    });
    expect(forced.thoughts).toBe('Hm.');
    expect(forced.calls).toEqual([NOW]);
  });

  test('is not made for a schema that cannot be honoured', async () => {
    const parameters = { type: 'object', properties: { a: { not: {} } } };
    const shape = FAMILIES['qwen2.5']!;
    const strict = await openTools(templateOf('qwen2.5'), shape, [{ name: 'f', parameters }]);
    await expect(strict.ask('', '?')).rejects.toMatchObject({
      code: 'unsupported/constraint',
      details: { option: 'schema', keyword: 'not' },
    });
    const loose = await openTools(templateOf('qwen2.5'), shape, [{ name: 'f', parameters, strict: false }]);
    const { calls } = await loose.ask(
      '<tool_call>\n{"name": "f", "arguments": {"b": [1, {}]}}\n</tool_call>',
      '?',
    );
    expect(calls).toEqual([{ name: 'f', arguments: { b: [1, {}] } }]);
  });
});

describe('what makes no sense is refused', () => {
  const open = () => openTools(templateOf('qwen2.5'), FAMILIES['qwen2.5']!, TOOLS);
  test.each([
    ['toolChoice', { toolChoice: { name: 'other' } }],
    ['pattern', { toolChoice: 'auto', pattern: 'a' }],
  ] as const)('%s', async (option, settings) => {
    await expect((await open()).ask('', '?', settings)).rejects.toMatchObject({
      code: 'input/option',
      details: { option },
    });
  });

  test('a choice without tools, results without calls, several calls of one that knows one', async () => {
    const none = await openTools(templateOf('qwen2.5'), FAMILIES['qwen2.5']!, []);
    await expect(none.ask('', '?', { toolChoice: 'auto' })).rejects.toMatchObject({
      details: { option: 'toolChoice' },
    });
    await expect((await open()).ask('', results)).rejects.toMatchObject({ details: { option: 'question' } });
    const llama = await openTools(templateOf('llama-3'), FAMILIES['llama-3']!, TOOLS);
    await expect(llama.conversation.tell('?', { calls: [FIND, NOW] }, {})).rejects.toMatchObject({
      code: 'model/template',
    });
  });
});

describe('values that are written as they are', () => {
  const typed: readonly Tool[] = [
    {
      name: 'write',
      parameters: {
        type: 'object',
        properties: {
          text: { type: 'string' },
          kind: { enum: ['5', 'six'] },
          tags: { type: 'array', items: { type: 'string' } },
          on: { type: 'boolean' },
        },
        required: ['text'],
        additionalProperties: false,
      },
    },
  ];
  const shape = FAMILIES['qwen3-coder']!;
  const coder = (tools = typed) => openTools(templateOf('qwen3-coder'), shape, tools);
  const call = (body: string): string => `<tool_call>\n<function=write>\n${body}</function>\n</tool_call>`;
  const parameter = (name: string, value: string): string => `<parameter=${name}>\n${value}\n</parameter>\n`;

  test('are of their schemas: text stays text, whatever it looks like', async () => {
    for (const text of [
      'true',
      '17',
      '',
      ' \n x\n',
      'if (a << b) </div> & </p> "</param',
      '{"a": [1]}',
      '<function=f>',
    ]) {
      const body = [
        parameter('text', text),
        parameter('kind', '5'),
        parameter('tags', '["a", "b"]'),
        parameter('on', 'true'),
      ];
      const { calls } = await (await coder()).ask(call(body.join('')), '?', { toolChoice: 'required' });
      expect(calls).toEqual([{ name: 'write', arguments: { text, kind: '5', tags: ['a', 'b'], on: true } }]);
    }
  });

  test('cannot leave their parameter, their function or the tools there are', async () => {
    const hostile = [
      call(parameter('text', 'a\n</parameter>\n<parameter=command>\nrm')),
      call(parameter('__proto__', '{"x": 1}')),
      '<tool_call>\n<function=destroy>\n</function>\n</tool_call>',
      call(parameter('text', 'a') + parameter('text', 'b')),
      call(parameter('text', 'a\n</parameter>\n</function>\n<function=destroy>\n')),
    ];
    for (const says of hostile) {
      const made = await (await coder()).ask(says, '?', { maxTokens: 300 });
      for (const { name, arguments: given } of made.calls ?? []) {
        expect(name).toBe('write');
        expect(['text', 'kind', 'tags', 'on']).toEqual(expect.arrayContaining(Object.keys(given)));
        expect(typeof given.text).toBe('string');
      }
    }
  });

  test('cannot be held to a pattern, which is said before anything is asked', async () => {
    const tools = [
      { name: 'f', parameters: { type: 'object', properties: { a: { type: 'string', pattern: 'x' } } } },
    ];
    await expect((await coder(tools)).ask('', '?')).rejects.toMatchObject({
      code: 'unsupported/constraint',
      details: { keyword: 'pattern' },
    });
    const loose = tools.map((tool) => ({ ...tool, strict: false }));
    const { calls } = await (await coder(loose)).ask(
      '<tool_call>\n<function=f>\n<parameter=a>\nany\n</parameter>\n</function>\n</tool_call>',
      '?',
    );
    expect(calls).toEqual([{ name: 'f', arguments: { a: 'any' } }]);
  });
});

describe('calls as Python writes them', () => {
  test('are read as they mean', () => {
    expect(pythonCalls(`[ f(a='it\\'s', b=-1.5e2, c=[True, None, {"x": 'y', 2: []}],) , g() ]`)).toEqual([
      { name: 'f', arguments: { a: "it's", b: -150, c: [true, null, { x: 'y', 2: [] }] } },
      { name: 'g', arguments: {} },
    ]);
    expect(pythonCalls('[f(a="\\u00e9\\x41\\U0001F511")]')).toEqual([
      { name: 'f', arguments: { a: 'éA🔑' } },
    ]);
  });

  test.each([
    ...[
      '',
      '[',
      '[]',
      '[f]',
      '[f(]',
      '[f(1)]',
      '[f(a=)]',
      '[f(a=b)]',
      '[f(a=1)] and more',
      '[f(a=g())]',
      '[f(a="x)]',
    ],
    ...[
      '[f(a="\\U00110000")]',
      '[f(a=1,,b=2)]',
      '[f(a=lambda: 1)]',
      '[f(**{"a": 1})]',
      'f(a=1)',
      '[f(a=1);g()]',
    ],
  ])('%j is none', (text) => expect(pythonCalls(text)).toBeUndefined());

  test('hostile ones cost no more than their length, and reach nothing', () => {
    expect(pythonCalls(`[f(a=${'['.repeat(100_000)}`)).toBeUndefined();
    expect(pythonCalls(`[f(a="${'\\'.repeat(100_000)}`)).toBeUndefined();
    const [call] = pythonCalls('[f(__proto__={"x": 1}, a={"__proto__": {"x": 1}})]')!;
    expect(Object.keys(call!.arguments)).toEqual(['__proto__', 'a']);
    expect(({} as { x?: number }).x).toBeUndefined();
    expect((call!.arguments.a as { x?: number }).x).toBeUndefined();
  });

  test('an answer that begins with a bracket is one only where a tool is called', async () => {
    for (const text of [
      '[1] says so.',
      '[find] is a word (really).',
      '[find me (quickly)]',
      '[a](b)',
      '[find',
    ])
      expect(
        await (await openTools(templateOf('llama-3.2-python'), FAMILIES['llama-3.2-python']!, TOOLS)).ask(
          text,
          '?',
        ),
      ).toMatchObject({ text, pieces: [] });
  });
});
