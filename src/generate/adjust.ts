/** What is done to the logits before a token is chosen. Options are taken as already checked. */
export interface AdjustOptions {
  /** Divides the logits of recent tokens (multiplies where they are below 0). Above 1 discourages. Default 1: none. */
  readonly repetitionPenalty?: number;
  /** Taken off the logit of every recent token. Default 0. */
  readonly presencePenalty?: number;
  /** Taken off the logit of a recent token as often as it occurs. Default 0. */
  readonly frequencyPenalty?: number;
  /** How many tokens count as recent: the last ones of the context, its text and question too. Default 64. */
  readonly penaltyTokens?: number;
  /** Added to the logits, by token id. −100 or less bans the token. */
  readonly logitBias?: Readonly<Record<number, number>>;
}

/** Changes `logits` (vocab), given the ids of the context; what it returns puts them back. */
export type Adjust = (logits: Float32Array, tokens: readonly number[]) => () => void;

/** A bias from here down bans the token: the convention of OpenAI's interface, where −100 is the lowest. */
const BANNED = -100;

const keep = (): void => undefined;

const penalises = (options: AdjustOptions): boolean => {
  const { repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0, penaltyTokens = 64 } = options;
  return penaltyTokens > 0 && (repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0);
};

/** Whether these options change any logits. */
export const adjusts = (options: AdjustOptions): boolean =>
  penalises(options) || Object.keys(options.logitBias ?? {}).length > 0;

/**
 * Bias first, then penalties, as at the head of llama.cpp's chain; the penalties are Keskar et al. 2019 (CTRL, section
 * 4.1: repetition, with llama.cpp's multiplication below 0) and OpenAI's presence and frequency. Only the logits it
 * names are touched, so it costs nothing that grows with the vocabulary.
 */
export const createAdjust = (options: AdjustOptions): Adjust => {
  const {
    repetitionPenalty = 1,
    presencePenalty = 0,
    frequencyPenalty = 0,
    penaltyTokens = 64,
    logitBias = {},
  } = options;
  const biases = Object.entries(logitBias).map(
    ([id, bias]) => [Number(id), bias <= BANNED ? Number.NEGATIVE_INFINITY : bias] as const,
  );
  if (!adjusts(options)) return () => keep;
  const counting = penalises(options);

  return (logits, tokens) => {
    const before = new Map<number, number>();
    const change = (id: number, to: number): void => {
      if (!before.has(id)) before.set(id, logits[id]!);
      logits[id] = to;
    };
    for (const [id, bias] of biases) change(id, logits[id]! + bias);
    const counts = new Map<number, number>();
    if (counting) {
      for (let i = Math.max(0, tokens.length - penaltyTokens); i < tokens.length; i++) {
        counts.set(tokens[i]!, (counts.get(tokens[i]!) ?? 0) + 1);
      }
    }
    for (const [id, count] of counts) {
      const logit = logits[id]!;
      const scaled = logit <= 0 ? logit * repetitionPenalty : logit / repetitionPenalty;
      change(id, scaled - count * frequencyPenalty - presencePenalty);
    }
    return () => {
      for (const [id, logit] of before) logits[id] = logit;
    };
  };
};
