/**
 * The scenarios of the public web-platform tests (`ai/language-model`), in our words, on the bundled model. Those that need
 * images, sound, tools, user activation, frames or permissions have no counterpart here.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../../src/engine/index.js';
import {
  type CreateOptions,
  createLanguageModel,
  type LanguageModelClass,
  type LanguageModelSession,
  type PromptInput,
} from '../../../src/facades/prompt-api/index.js';
import type { Model } from '../../../src/index.js';
import { MODEL } from '../../engine/bundled.js';
import { kernelsUrl } from '../../support/kernels.js';

const PROMPT = 'The value of mika is 4711.\nWhat is the value of mika?';
const WINDOW = 700;

let model: Model;
let LanguageModel: LanguageModelClass;
beforeAll(async () => {
  model = await load(MODEL, { kernelsUrl, threads: 1, maxTokens: WINDOW, kv: { store: 'memory' } });
  LanguageModel = createLanguageModel({ model, languages: ['en'], maxTokens: 12, seed: 7 });
});
afterAll(() => model.close());

const create = (options: CreateOptions = {}) =>
  LanguageModel.create({ samplingMode: 'most-predictable', ...options });
/** The name of what a call is refused with. */
const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'nothing was refused',
    (error) => error.name,
  );
const reasonOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error) => error,
  );
const all = async (stream: ReadableStream<string>): Promise<string[]> => {
  const pieces: string[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
};
const invalid = (input: unknown): PromptInput => input as PromptInput;

describe('create', () => {
  test('a session has the members of the draft', async () => {
    const session = await create();
    expect(session).toBeInstanceOf(LanguageModel);
    expect(session).toBeInstanceOf(EventTarget);
    for (const method of [
      'prompt',
      'promptStreaming',
      'append',
      'measureContextUsage',
      'clone',
      'destroy',
    ] as const)
      expect(typeof session[method], method).toBe('function');
    expect(session).toMatchObject({ contextUsage: 0, contextWindow: WINDOW, oncontextoverflow: null });
    expect(() => new (LanguageModel as never as new () => unknown)()).toThrow(TypeError);
  });

  test('the monitor is told from 0 to 1, upwards, in steps, and never after the end', async () => {
    const told: number[] = [];
    let created = false;
    await create({
      monitor: (m) =>
        m.addEventListener('downloadprogress', (event: ProgressEvent) => {
          expect(created).toBe(false);
          expect(event).toMatchObject({ lengthComputable: true, total: 1 });
          told.push(event.loaded);
        }),
    });
    created = true;
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(1);
    expect(told.every((one, i) => i === 0 || one > told[i - 1]!)).toBe(true);
    expect(told.every((one) => (one * 0x10000) % 1 === 0)).toBe(true);
  });

  test.each([0, 1])('given up at %i, it rejects with the reason, and no more is told', async (at) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    let after = 0;
    const monitor = (m: EventTarget) =>
      m.addEventListener('downloadprogress', (event) => {
        if (stop.signal.aborted) after += 1;
        if ((event as ProgressEvent).loaded === at) stop.abort(reason);
      });
    expect(await reasonOf(create({ monitor, signal: stop.signal }))).toBe(reason);
    expect(after).toBe(0);
  });

  test('what the monitor throws is what it rejects with', async () => {
    const error = new Error('mine');
    const monitor = (): void => {
      throw error;
    };
    expect(await reasonOf(create({ monitor }))).toBe(error);
  });

  test('initial prompts count, with and without a system text, or none at all', async () => {
    const turns = [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'hello' },
    ] as const;
    const plain = await create({ initialPrompts: turns });
    const led = await create({ initialPrompts: [{ role: 'system', content: 'you are a robot' }, ...turns] });
    expect(plain.contextUsage).toBeGreaterThan(0);
    expect(led.contextUsage).toBeGreaterThan(plain.contextUsage);
    expect((await create({ initialPrompts: [] })).contextUsage).toBe(0);
    const blank = await create();
    expect(await blank.measureContextUsage(turns)).toBe(plain.contextUsage);
  });

  test('a system text stands first, and once', async () => {
    const [user, system] = [
      { role: 'user', content: 'hello' },
      { role: 'system', content: 'you are a robot' },
    ] as const;
    expect(await refusal(create({ initialPrompts: [user, system] }))).toBe('TypeError');
    expect(await refusal(create({ initialPrompts: [system, system, user] }))).toBe('TypeError');
  });

  test('languages are tags, and of the model', async () => {
    const languages = (...tags: string[]) => ({ expectedInputs: [{ type: 'text', languages: tags }] });
    expect(await refusal(create(languages('en-abc-invalid')))).toBe('RangeError');
    await create(languages('EN'));
    for (const options of [
      languages('unk'),
      { expectedOutputs: [{ type: 'text', languages: ['unk'] }] },
      { expectedOutputs: [{ type: 'image' }] },
      { expectedOutputs: [{ type: 'audio' }] },
      { expectedInputs: [{ type: 'image' }] },
      { tools: [{ name: 'clock' } as never] },
      { thinking: { includeThoughts: true } },
    ]) {
      expect(await LanguageModel.availability(options)).toBe('unavailable');
      expect(await refusal(create(options))).toBe('NotSupportedError');
    }
    expect(
      await LanguageModel.availability({ expectedInputs: [{ type: 'text', languages: ['en-GB'] }] }),
    ).toBe('available');
    expect(await refusal(LanguageModel.availability({ expectedInputs: [{ type: 'soup' }] }))).toBe(
      'TypeError',
    );
  });

  test('initial prompts beyond the window reject with what was asked for', async () => {
    const content = PROMPT.repeat(WINDOW / 10);
    const usage = await (await create()).measureContextUsage(content);
    const error = await reasonOf(create({ initialPrompts: [{ role: 'system', content }] }));
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({ name: 'QuotaExceededError', quota: WINDOW });
    const { requested } = error as { requested: number };
    expect(Math.abs(requested - usage)).toBeLessThanOrEqual(20);
  });

  test('sampling modes are told and cloned; raw numbers are clamped, and stand alone', async () => {
    for (const samplingMode of ['most-predictable', 'slightly-creative', 'most-creative'] as const) {
      const session = await LanguageModel.create({ samplingMode });
      expect([session.samplingMode, (await session.clone()).samplingMode]).toEqual([
        samplingMode,
        samplingMode,
      ]);
    }
    expect((await LanguageModel.create()).samplingMode).toBe('balanced');
    expect(await LanguageModel.create({ topK: 1.5, temperature: 9 })).toMatchObject({
      topK: 1,
      temperature: 2,
      samplingMode: null,
    });
    const { maxTopK, defaultTemperature } = await LanguageModel.params();
    expect(await LanguageModel.create({ topK: Number.POSITIVE_INFINITY })).toMatchObject({
      topK: maxTopK,
      temperature: defaultTemperature,
    });
    expect(await refusal(LanguageModel.create({ samplingMode: 'balanced', topK: 3 }))).toBe('TypeError');
    expect(await refusal(LanguageModel.create({ samplingMode: 'wild' as never }))).toBe('TypeError');
    expect(await refusal(LanguageModel.create({ topK: 0 }))).toBe('RangeError');
    expect(await refusal(LanguageModel.create({ temperature: -0.5 }))).toBe('RangeError');
  });
});

describe('prompt', () => {
  test('answers text, lists of messages and of contents alike, and counts what was said', async () => {
    const session = await create();
    const measured = await session.measureContextUsage(PROMPT);
    const answer = await session.prompt(PROMPT);
    expect(answer).toContain('4711');
    const said = await session.measureContextUsage(answer);
    const around = await session.measureContextUsage('');
    expect(Math.abs(session.contextUsage - measured - said)).toBeLessThanOrEqual(around);
    for (const content of [
      PROMPT,
      [
        { type: 'text', value: PROMPT.slice(0, 9) },
        { type: 'text', value: PROMPT.slice(9) },
      ],
    ])
      expect(await (await create()).prompt([{ role: 'user', content }])).toBe(answer);
  });

  test('remembers what was said, and what it was begun with', async () => {
    const session = await create({
      initialPrompts: [{ role: 'system', content: 'The value of mika is 4711.' }],
    });
    expect(await session.prompt('What is the value of mika?')).toContain('4711');
    expect(await session.prompt('Say that again. What is the value of mika?')).toContain('4711');
  });

  test('nothing, and what is no text, is read as the bindings do', async () => {
    const session = await create();
    const inputs = [
      null,
      undefined,
      {},
      '',
      [],
      [{ role: 'user', content: [] }],
      [{ role: 'user', content: '' }],
    ];
    for (const input of inputs) expect(typeof (await session.prompt(invalid(input)))).toBe('string');
    for (const input of inputs) expect(await session.append(invalid(input))).toBeUndefined();
    for (const input of inputs)
      expect(session.promptStreaming(invalid(input))).toBeInstanceOf(ReadableStream);
    session.destroy();
  });

  test('system text that comes late, roles and contents that are not known, contents that are not text', async () => {
    const session = await create();
    const bad = (content: unknown, role = 'user') => refusal(session.prompt(invalid([{ role, content }])));
    const system = [{ role: 'system', content: 'bar' }] as const;
    expect(await refusal(session.prompt([{ role: 'user', content: 'foo' }, ...system]))).toBe('TypeError');
    expect(await refusal(session.append([...system, ...system]))).toBe('TypeError');
    expect(await bad('foo', 'owner')).toBe('TypeError');
    expect(await bad([{ type: 'soup', value: 'x' }])).toBe('TypeError');
    expect(await bad([{ type: 'text', value: new Uint8Array(2) }])).toBe('TypeError');
    expect(await bad([{ type: 'image', value: new Uint8Array(2) }])).toBe('NotSupportedError');
    expect(await bad([{ type: 'audio', value: new Uint8Array(2) }], 'assistant')).toBe('NotSupportedError');
    expect(session.contextUsage).toBe(0);
    const late = session.append('foo');
    expect(await refusal(session.prompt(system))).toBe('TypeError');
    await late;
    const begun = await create({ initialPrompts: [{ role: 'user', content: 'initial' }] });
    expect(await refusal(begun.prompt(system))).toBe('TypeError');
  });

  test('a system text may come with the first prompt', async () => {
    const session = await create();
    const fact = { role: 'system', content: 'The value of mika is 4711.' } as const;
    const usage = await session.measureContextUsage([fact]);
    expect(await session.prompt([fact, { role: 'user', content: 'What is the value of mika?' }])).toContain(
      '4711',
    );
    expect(session.contextUsage).toBeGreaterThan(usage);
  });

  test('several at once are answered one after another, each by itself', async () => {
    const session = await create();
    const answers = await Promise.all([
      session.prompt(PROMPT),
      session.prompt('Who are you?'),
      session.prompt(PROMPT),
    ]);
    expect(answers.every((answer) => answer.length > 0)).toBe(true);
    const other = await create();
    const again = [
      await other.prompt(PROMPT),
      await other.prompt('Who are you?'),
      await other.prompt(PROMPT),
    ];
    expect(answers).toEqual(again);
  });

  test('streams in pieces what it answers whole', async () => {
    const pieces = await all((await create()).promptStreaming(PROMPT));
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join('')).toBe(await (await create()).prompt(PROMPT));
  });

  test('one that is beyond the window rejects, and nothing is removed', async () => {
    const session = await create();
    await session.prompt(PROMPT);
    const { contextUsage } = session;
    let overflows = 0;
    session.oncontextoverflow = () => (overflows += 1);
    const long = PROMPT.repeat(WINDOW / 10);
    for (const call of [session.prompt(long), session.append(long)])
      expect(await reasonOf(call)).toMatchObject({ name: 'QuotaExceededError', quota: WINDOW });
    expect(session.contextUsage).toBe(contextUsage);
    expect(overflows).toBe(0);
    const fresh = await create();
    const usage = await fresh.measureContextUsage(long);
    expect(await reasonOf(fresh.prompt(long))).toMatchObject({ requested: usage });
  });
});

describe('the context', () => {
  test('append counts what measuring told, and does not answer', async () => {
    const session = await create();
    const usage = await session.measureContextUsage(PROMPT);
    expect(usage).toBeGreaterThan(0);
    expect(await session.append(PROMPT)).toBeUndefined();
    expect(session.contextUsage).toBe(usage);
    expect(await session.prompt([])).toBe(await (await create()).prompt(PROMPT));
  });

  test('messages of all roles are measured, also when some were said', async () => {
    const prompts = [
      { role: 'system', content: 'foo' },
      { role: 'user', content: 'bar' },
      { role: 'assistant', content: 'baz' },
    ] as const;
    const session = await create({ initialPrompts: prompts });
    expect(await session.measureContextUsage(prompts)).toBe(session.contextUsage);
  });

  test('on overflow the oldest go, both events fire, and the newest is answered', async () => {
    const session = await create();
    const long = 'The lamp is in the hall. '.repeat(8);
    await session.append(long);
    const around = await (await create()).measureContextUsage('');
    const times = Math.floor((WINDOW - around) / (session.contextUsage - around));
    const fired: string[] = [];
    session.addEventListener('contextoverflow', () => fired.push('contextoverflow'));
    session.onquotaoverflow = () => fired.push('onquotaoverflow');
    expect(typeof (await session.prompt(long.repeat(times)))).toBe('string');
    expect(fired).toEqual(['contextoverflow', 'onquotaoverflow']);
    expect(session.contextUsage).toBeLessThanOrEqual(WINDOW);
  });

  test('initial prompts are never evicted', async () => {
    const fact = 'The value of mika is 4711.';
    const filler = 'The lamp is in the hall. '.repeat(12);
    const session = await create({
      initialPrompts: [
        { role: 'user', content: fact },
        { role: 'assistant', content: 'Yes.' },
      ],
    });
    let overflows = 0;
    session.oncontextoverflow = () => (overflows += 1);
    for (let i = 0; i < 9; i++) {
      await session.append([
        { role: 'user', content: filler },
        { role: 'assistant', content: 'Indeed.' },
      ]);
      expect(session.contextUsage).toBeLessThanOrEqual(WINDOW);
    }
    expect(overflows).toBeGreaterThan(1);
    expect(await session.prompt('What is the value of mika?')).toContain('4711');
  });
});

describe('a form', () => {
  const create = () =>
    createLanguageModel({ model, maxTokens: 60 }).create({ samplingMode: 'most-predictable' });
  const schema = {
    type: 'object',
    required: ['rating'],
    additionalProperties: false,
    properties: { rating: { type: 'number', minimum: 0, maximum: 5 } },
  };

  test('JSON of a schema, told to the model or not, and after a prefix', async () => {
    for (const omitResponseConstraintInput of [false, true]) {
      const session = await create();
      const answer = await session.prompt('hello', {
        responseConstraint: schema,
        omitResponseConstraintInput,
      });
      expect(JSON.parse(answer)).toEqual({ rating: expect.any(Number) });
    }
    const prefix = '{ "rating": ';
    const input = [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: prefix, prefix: true },
    ] as const;
    const rest = await (await create()).prompt(input, { responseConstraint: schema });
    expect(JSON.parse(prefix + rest)).toEqual({ rating: expect.any(Number) });
  });

  test('what the model is told of it counts, unless it is left out', async () => {
    const session = await create();
    const [told, omitted, plain] = await Promise.all([
      session.measureContextUsage('hello', { responseConstraint: schema }),
      session.measureContextUsage('hello', { responseConstraint: schema, omitResponseConstraintInput: true }),
      session.measureContextUsage('hello'),
    ]);
    expect(told).toBeGreaterThan(omitted);
    expect(omitted).toBe(plain);
  });

  test('a regular expression, with a prefix that begins so, and one that does not', async () => {
    const session = await create();
    expect(await session.prompt(PROMPT, { responseConstraint: /hello/ })).toBe('hello');
    const after = (content: string) =>
      session.prompt(
        [
          { role: 'user', content: 'hello' },
          { role: 'assistant', content, prefix: true },
        ],
        { responseConstraint: /^Greetings and salutations!{1,3}/ },
      );
    expect(await after('Greetings')).toMatch(/^ and salutations!+$/);
    expect(await refusal(after('invalid'))).toBe('NotSupportedError');
  });

  test('what is none, what cannot be honoured, what was cut', async () => {
    const session = await create();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const given = (responseConstraint: unknown, more = {}) =>
      refusal(session.prompt(PROMPT, { responseConstraint: responseConstraint as object, ...more }));
    expect(await given(circular)).toBe('NotSupportedError');
    expect(await given({ type: 'object', minProperties: 3 })).toBe('NotSupportedError');
    expect(await given('a string')).toBe('TypeError');
    expect(await given(undefined, { omitResponseConstraintInput: true })).toBe('TypeError');
    expect(await given(/[a-z]{400}/)).toBe('SyntaxError');
    expect(session.contextUsage).toBe(0);
  });

  test('only a last message of the assistant is a prefix', async () => {
    const session = await create();
    expect(await refusal(session.prompt([{ role: 'user', content: 'a', prefix: true }]))).toBe('SyntaxError');
    const early = [
      { role: 'assistant', content: 'a', prefix: true },
      { role: 'user', content: 'b' },
    ] as const;
    expect(await refusal(session.prompt(early))).toBe('SyntaxError');
    expect(await refusal(session.append(early.slice(0, 1)))).toBe('SyntaxError');
    const after = await session.prompt([
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: 'The value of mika', prefix: true },
    ]);
    expect(after).toBe(' is 4711.');
  });
});

describe('signals', () => {
  const calls: Record<string, (session: LanguageModelSession, signal: AbortSignal) => Promise<unknown>> = {
    create: (_, signal) => create({ signal }),
    clone: (session, signal) => session.clone({ signal }),
    prompt: (session, signal) => session.prompt(PROMPT, { signal }),
    append: (session, signal) => session.append(PROMPT, { signal }),
    measureContextUsage: (session, signal) => session.measureContextUsage(PROMPT, { signal }),
    promptStreaming: async (session, signal) => all(session.promptStreaming(PROMPT, { signal })),
  };
  test.each(Object.keys(calls))('%s rejects with the reason, then and later', async (name) => {
    const session = await create();
    for (const reason of [undefined, new Error('mine')]) {
      const stop = new AbortController();
      const call = calls[name]!(session, stop.signal);
      stop.abort(reason);
      for (const error of await Promise.all([call, calls[name]!(session, stop.signal)].map(reasonOf))) {
        if (reason) expect(error).toBe(reason);
        else expect(error).toMatchObject({ name: 'AbortError' });
      }
    }
    expect(session.contextUsage).toBe(0);
    expect(await session.prompt(PROMPT)).toContain('4711');
  });

  test('an answer that is given up on its way leaves nothing, and a cancelled stream stops it', async () => {
    const session = await create();
    await session.append('Once.');
    const { contextUsage } = session;
    const stop = new AbortController();
    const reader = session.promptStreaming(PROMPT, { signal: stop.signal }).getReader();
    expect((await reader.read()).value).not.toBe('');
    stop.abort();
    await expect(reader.read().then(() => reader.read())).rejects.toMatchObject({ name: 'AbortError' });
    for await (const _ of session.promptStreaming(PROMPT)) break;
    await session.measureContextUsage('');
    expect(session.contextUsage).toBe(contextUsage);
  });

  test('one that waits is taken out of the queue at once', async () => {
    const session = await create();
    const first = session.prompt(PROMPT);
    const stop = new AbortController();
    const second = session.prompt(PROMPT, { signal: stop.signal });
    stop.abort();
    expect(await refusal(second)).toBe('AbortError');
    await first;
    const usage = session.contextUsage;
    await session.measureContextUsage('');
    expect(session.contextUsage).toBe(usage);
  });
});

describe('the end', () => {
  const uses = (session: LanguageModelSession): Promise<unknown>[] => [
    session.prompt(PROMPT),
    session.append(PROMPT),
    session.measureContextUsage(PROMPT),
    session.clone(),
    (async () => all(session.promptStreaming(PROMPT)))(),
  ];

  test('a destroyed session rejects what runs and what comes; its numbers stay', async () => {
    const session = await create();
    const running = uses(session);
    session.destroy();
    for (const call of [...running, ...uses(session)]) expect(await refusal(call)).toBe('AbortError');
    expect(session).toMatchObject({
      contextUsage: 0,
      contextWindow: WINDOW,
      samplingMode: 'most-predictable',
    });
    session.destroy();
  });

  test('the signal that a session was created with destroys it, with its reason', async () => {
    const stop = new AbortController();
    const session = await create({ signal: stop.signal });
    const running = uses(session);
    const reason = new Error('the page is done');
    stop.abort(reason);
    for (const call of [...running, ...uses(session)]) expect(await reasonOf(call)).toBe(reason);
  });

  test('a clone is the same, and another', async () => {
    const session = await create({
      initialPrompts: [{ role: 'user', content: 'The value of mika is 4711.' }],
    });
    await session.prompt('Who are you?');
    const { contextUsage, contextWindow } = session;
    const clone = await session.clone();
    expect(clone).toBeInstanceOf(LanguageModel);
    expect(clone).toMatchObject({
      contextUsage,
      contextWindow,
      topK: session.topK,
      temperature: session.temperature,
    });
    session.destroy();
    expect(await clone.prompt('What is the value of mika?')).not.toBe('');
    expect(clone.contextUsage).toBeGreaterThan(contextUsage);
    expect(session.contextUsage).toBe(contextUsage);
  });

  test('nothing of it is left in the store', async () => {
    const session = await create();
    await session.prompt(PROMPT);
    session.destroy();
    expect(await model.sessions()).toEqual([]);
  });
});
