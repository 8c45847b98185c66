import { type Context, LonghandError, type Model, type StopOptions } from '../../index.js';
import { type Costs, choicesOf, pairsOf, type Reads } from './costs.js';

/** What `auto` reads by default. */
const AUTO: Reads = { method: 'dhsa', budget: 2048 };

/** Lengths up to which a text is read, one after the other; `auto` chooses from the third on, answers from the last on. */
const LENGTHS = [1024, 2048, 4096, 8192] as const;
/** Tokens of each answer that is timed, and how many answers are: the fastest counts. */
const ANSWER = 24;
const ANSWERS = 3;
/** What is read and answered before anything is timed: kernels are slow until the platform has compiled them well. */
const WARM_UP = { read: 1024, answer: 64 };

interface Sample {
  readonly tokens: number;
  /** From the beginning of the text. */
  readonly read: number;
  readonly answer: number;
  readonly used: number;
}

const sample = async (context: Context, upTo: number, vocab: number): Promise<Omit<Sample, 'read'>> => {
  const from = (await context.stats()).tokens;
  const ids = Array.from({ length: upTo - from }, (_, i) => ((from + i) * 7919) % vocab);
  await context.append(ids);
  const { memory } = await context.stats();
  // The logits of the first token came with the text.
  await context.generate({ maxTokens: 1, temperature: 0, ignoreStops: true });
  let answer = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ANSWERS; i++) {
    const before = (await context.stats()).decode;
    await context.generate({ maxTokens: ANSWER, temperature: 0, ignoreStops: true });
    const { decode } = await context.stats();
    answer = Math.min(answer, (decode.seconds - before.seconds) / Math.max(1, decode.tokens - before.tokens));
  }
  return { tokens: upTo, answer, used: memory.used };
};

const warmUp = async (model: Model): Promise<void> => {
  const context = await model.context();
  try {
    await context.append(Array.from({ length: WARM_UP.read }, (_, i) => i % model.info.vocab));
    await context.generate({ maxTokens: WARM_UP.answer, temperature: 0, ignoreStops: true });
  } finally {
    await context.close();
  }
};

/** y ≈ a · x + b · z over the samples, neither below 0, by least squares of relative errors. */
const fitted = (samples: readonly { x: number; z: number; y: number }[]): readonly [a: number, b: number] => {
  let [xx, xz, zz, xy, zy] = [0, 0, 0, 0, 0];
  for (const { x, z, y } of samples) {
    const [p, q] = [x / y, z / y];
    xx += p * p;
    xz += p * q;
    zz += q * q;
    xy += p;
    zy += q;
  }
  const determinant = xx * zz - xz * xz;
  const [a, b] = [(xy * zz - zy * xz) / determinant, (zy * xx - xy * xz) / determinant];
  if (!(b >= 0)) return [xy / xx, 0];
  return a >= 0 ? [a, b] : [0, zy / zz];
};

/**
 * Reads a text of 8,192 made-up tokens and answers a little behind several lengths, to learn what things cost with this model on
 * this device: seconds with a small model, minutes with a large one. Nothing is kept. The model must have been loaded with
 * `attention: { method: 'auto' }` (the default) and hold 8,500 tokens. Keep the result, which is plain data, by
 * `model.info.fingerprint` and the `kv` that it was loaded with. Rejects with `input/option` where the model reads another way or holds less.
 */
export const measure = async (model: Model, options: StopOptions = {}): Promise<Costs> => {
  const { attention, maxTokens, vocab } = model.info;
  if (!attention.startsWith('auto ') || maxTokens < LENGTHS.at(-1)! + 300) {
    throw new LonghandError(
      'input/option',
      `Costs cannot be measured with a model that was loaded with attention ${attention} for ${maxTokens} tokens. ` +
        `Load it with attention { method: 'auto' } and maxTokens of ${LENGTHS.at(-1)! + 300} or more.`,
    );
  }
  options.signal?.throwIfAborted();
  await warmUp(model);
  const context = await model.context();
  try {
    const samples: Sample[] = [];
    let total = 0;
    for (const length of LENGTHS) {
      options.signal?.throwIfAborted();
      const before = (await context.stats()).prefill.seconds;
      const found = await sample(context, length, vocab);
      total += (await context.stats()).prefill.seconds - before;
      samples.push({ ...found, read: total });
    }
    const { keys, values, pageSizes: sizes } = model.info;
    return { ...costsOf(samples), ...(sizes && { pages: { keys, values, sizes } }) };
  } finally {
    await context.close();
  }
};

/** The costs that explain the samples best. */
const costsOf = (samples: readonly Sample[]): Costs => {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const exact = samples.filter(({ tokens }) => choicesOf(AUTO, tokens) === 0);
  const [token, pair] = fitted(
    exact.map(({ tokens, read }) => ({ x: tokens, z: pairsOf(AUTO, tokens), y: read })),
  );
  const rest = (s: Sample): number => s.read - token * s.tokens - pair * pairsOf(AUTO, s.tokens);
  const choosing = samples.filter(({ tokens }) => choicesOf(AUTO, tokens) > 0);
  const choice = Math.max(0, rest(choosing.at(-1)!) / choicesOf(AUTO, choosing.at(-1)!.tokens));
  const [step, key] = fitted(
    samples.slice(0, -1).map(({ tokens, answer }) => ({ x: 1, z: tokens, y: answer })),
  );
  const budget = 'budget' in AUTO ? AUTO.budget : 0;
  const look = Math.max(0, (last.answer - step - key * budget) / last.tokens);
  return {
    token,
    pair,
    choice,
    step,
    key,
    look,
    bytes: (last.used - first.used) / (last.tokens - first.tokens),
  };
};
