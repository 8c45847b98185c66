/** What is called in a place to time our engine. A model that was opened stays in `globalThis.opened`. */

import type { Context } from '../../src/context.js';
import type { Model } from '../../src/loaded-model.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import type { Place } from './place.js';

export interface Opening {
  readonly engine: string;
  readonly model: string;
  readonly threads: number;
  readonly attention?: AttentionOptions;
  readonly maxTokens?: number;
}

type Opened = typeof globalThis & { opened?: Record<string, Model>; walked?: Context | undefined };

const open = async ({ key, engine, model, ...options }: Opening & { key: string }): Promise<string> => {
  const { load } = await import(engine);
  const held = globalThis as Opened;
  held.opened ??= {};
  const loaded: Model = await load(model, { ...options, kv: { store: 'none' } });
  held.opened[key] = loaded;
  return loaded.info.build;
};

const shut = async (key: string): Promise<void> => {
  const held = (globalThis as Opened).opened;
  await held?.[key]?.close();
  delete held?.[key];
};

/** Seconds to read `tokens` tokens into a new context, and then to answer `answer` more. */
export interface Sample {
  readonly read: number;
  readonly answer: number;
  readonly density: number;
  /** Everything the backend holds, and the pages in it. */
  readonly bytes: number;
  readonly pages: number;
  readonly weights: number;
}

const sample = async (input: { key: string; tokens: number; answer: number }): Promise<Sample> => {
  const model = (globalThis as Opened).opened![input.key]!;
  const ids = Array.from({ length: input.tokens }, (_, i) => 1000 + ((i * 7919) % 40_000));
  const context = await model.context();
  const started = performance.now();
  await context.append(ids);
  const read = (performance.now() - started) / 1000;
  // The first token's logits came with the text; every further one costs a forward call.
  await context.generate({ maxTokens: 2, ignoreStops: true });
  const before = (await context.stats()).decode.tokens;
  const again = performance.now();
  if (input.answer > 0) await context.generate({ maxTokens: input.answer, ignoreStops: true });
  const seconds = (performance.now() - again) / 1000;
  const stats = await context.stats();
  await context.close();
  const calls = stats.decode.tokens - before;
  return {
    read,
    answer: calls > 0 ? (seconds * input.answer) / calls : 0,
    density: stats.density.prefill,
    bytes: stats.bytes.total,
    pages: stats.bytes.pages,
    weights: stats.bytes.weights,
  };
};

/** A place on the way through a long text. */
export interface Mark {
  readonly tokens: number;
  /** Seconds to read everything up to here. */
  readonly read: number;
  /** Milliseconds for one more token of an answer. */
  readonly answer: number;
  /** Realised density of what was read. */
  readonly density: number;
}

/** Reads on from the last mark up to `tokens`; 0 ends the walk. */
const advance = async (input: { key: string; tokens: number; answer: number }): Promise<Mark> => {
  const held = globalThis as Opened;
  if (input.tokens === 0) {
    await held.walked?.close();
    held.walked = undefined;
    return { tokens: 0, read: 0, answer: 0, density: 0 };
  }
  held.walked ??= await held.opened![input.key]!.context();
  const context = held.walked;
  const { tokens: have } = await context.stats();
  const id = (_: unknown, i: number): number => 1000 + (((have + i) * 7919) % 40_000);
  await context.append(Array.from({ length: input.tokens - have }, id));
  const { prefill, density } = await context.stats();
  await context.generate({ maxTokens: 2, ignoreStops: true });
  let answer = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const before = (await context.stats()).decode;
    await context.generate({ maxTokens: input.answer, ignoreStops: true });
    const after = (await context.stats()).decode;
    const milliseconds = 1000 * (after.seconds - before.seconds);
    answer = Math.min(answer, milliseconds / (after.tokens - before.tokens));
  }
  return { tokens: input.tokens, read: prefill.seconds, answer, density: density.prefill };
};

/** The engine in a place, with one model. */
export interface Ours {
  readonly build: string;
  sample(tokens: number, answer: number): Promise<Sample>;
  /** Reads one text from mark to mark. */
  walk(marks: readonly number[], answer: number, onMark: (mark: Mark) => void): Promise<void>;
  close(): Promise<void>;
}

let opened = 0;
export const openOurs = async (
  place: Place,
  path: string,
  options: Omit<Opening, 'engine' | 'model'>,
): Promise<Ours> => {
  const key = `model ${++opened}`;
  const build = await place.call(open, { key, engine: place.engine, model: place.at(path), ...options });
  return {
    build,
    sample: (tokens, answer) => place.call(sample, { key, tokens, answer }),
    walk: async (marks, answer, onMark) => {
      for (const tokens of marks) onMark(await place.call(advance, { key, tokens, answer }));
      await place.call(advance, { key, tokens: 0, answer: 0 });
    },
    close: () => place.call(shut, key),
  };
};
