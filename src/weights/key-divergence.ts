import { LonghandError } from '../errors.js';

/** Prose of our own that keys are tried on: nothing in it repeats, so that a model has to look back for what it says. */
const TRIAL_TEXT = `Early on Thursday the ferry left Brannock with eleven passengers, two crates of apples and a clock
that nobody had claimed. Mrs Adair sat near the rail and counted gulls; her nephew Tobias, who was nine, asked the mate
whether the engine slept at night. It does not, said the mate, it only hums more quietly. By noon the wind had turned and
the water off Skerry Point went green and short. A crate slid, an apple rolled under the bench, and Tobias kept it in his
sleeve until they were ashore. The harbour master wrote everything down: the hour, the tide, the eleven passengers, the
missing apple. He had done so for thirty years, and his books filled a wall. In the evening the clock was set on the
counter of the inn, where it struck four at seven and seven at midnight, and a doctor from the mainland offered to mend
it for the price of his supper. While he worked he told them about a bridge in the north that sang when carts crossed it,
and about the winter when the bay froze and letters came by sledge. Mrs Adair did not believe in the bridge. Tobias did,
and before he slept he asked how far it was, what it sang, and who would go with him if he went. On Friday the clock
struck eight at eight, the doctor took the first boat home, and in the harbour master's book there stood, below the tide,
one line more: apple found, eaten, no charge.`;

/** Nats that the distribution of the next token may move on average, beside keys in q8. */
const BEARABLE = 0.01;

/** Tokens that are read, of which the last rows are compared. */
const TRIAL_TOKENS = 256;
const ROWS = 32;

/** Something that reads tokens and tells the logits (vocab) behind the last of them. */
export interface TrialReader {
  read(ids: readonly number[]): Promise<Float32Array>;
}

const logSoftmax = (logits: Float32Array): Float64Array => {
  const top = logits.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - top);
  const all = top + Math.log(sum);
  return Float64Array.from(logits, (x) => x - all);
};

/** Σ p · ln(p / q) of the distributions that two rows of logits stand for, in nats. */
export const divergenceOf = (exact: Float32Array, coarse: Float32Array): number => {
  const [p, q] = [logSoftmax(exact), logSoftmax(coarse)];
  return p.reduce((sum, x, token) => sum + Math.exp(x) * (x - q[token]!), 0);
};

/**
 * Mean divergence of what two readers foretell behind each of the last tokens of a text: what a codec costs. NaN counts as
 * infinite: a model that computes no numbers bears nothing.
 */
export const keyDivergence = async (
  exact: TrialReader,
  coarse: TrialReader,
  ids: readonly number[],
): Promise<number> => {
  const rows = Math.min(ROWS, ids.length - 1);
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const some = row === 0 ? ids.slice(0, ids.length - rows) : [ids[ids.length - rows + row - 1]!];
    sum += divergenceOf(await exact.read(some), await coarse.read(some));
  }
  const mean = sum / rows;
  return Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean;
};

/** What keys are tried with. */
export interface KeyTrial {
  /** What was asked for: `auto` takes what is borne. */
  readonly asked: string;
  readonly maxTokens: number;
  encode(text: string): Promise<readonly number[]>;
  /** The model with pages of these keys. */
  open(keys: 'q8' | 'q4'): TrialReader & { close(): void };
  /** What an earlier trial of the same came to, as it was put, if it was kept. */
  known(): Promise<unknown>;
  keep(outcome: { readonly divergence: number }): Promise<void>;
}

const divergenceIn = async ({ open, encode, maxTokens }: KeyTrial): Promise<number> => {
  const ids = (await encode(TRIAL_TEXT)).slice(0, Math.min(TRIAL_TOKENS, maxTokens));
  const [exact, coarse] = [open('q8'), open('q4')];
  try {
    return await keyDivergence(exact, coarse, ids);
  } finally {
    exact.close();
    coarse.close();
  }
};

/**
 * What keys are kept in. 256 tokens of prose must show that the model bears q4, since some lose their thread by 4-bit keys and
 * nothing in a file says which. Throws `input/option` where q4 was asked for and is not borne.
 */
export const settleKeys = async (trial: KeyTrial): Promise<'q8' | 'q4'> => {
  const known = (await trial.known()) as { readonly divergence?: unknown } | undefined;
  let divergence = Number(known?.divergence ?? Number.NaN);
  if (Number.isNaN(divergence)) {
    divergence = await divergenceIn(trial);
    if (Number.isFinite(divergence)) await trial.keep({ divergence });
  }
  if (divergence <= BEARABLE) return 'q4';
  if (trial.asked === 'auto') return 'q8';
  throw new LonghandError(
    'input/option',
    `This model does not bear keys in q4: what it foretells moves by ${divergence.toPrecision(2)} nats, ` +
      `of at most ${BEARABLE}. Leave kv.keys at 'q8', or use 'auto'.`,
    { option: 'kv.keys', divergence },
  );
};
