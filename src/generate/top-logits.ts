/** The most likely tokens after a row, likeliest first, instead of all of them. */
export interface TopLogits {
  readonly ids: Uint32Array;
  readonly logits: Float32Array;
  /** Σ e^(logit − highest) over the whole vocabulary. Relative error at most `MASS_ERROR`. */
  readonly mass: number;
  /** Every token above −∞ is here. */
  readonly whole: boolean;
}

/** See `Backend.topLogits`. */
export const MASS_ERROR = 1e-4;

/** What of the logits is wanted: the `count` highest, and all of them where those are not `enough`. */
export interface WantedTop {
  readonly count: number;
  readonly enough: (top: TopLogits) => boolean;
}

/** As `Backend.topLogits` writes it: (count + 1, 2). */
export const topLogitsOf = (values: Float32Array): TopLogits => {
  const [mass, held] = [values[0]!, values[1]!];
  const [ids, logits] = [new Uint32Array(held), new Float32Array(held)];
  for (let i = 0; i < held; i++) {
    logits[i] = values[2 + 2 * i]!;
    ids[i] = values[3 + 2 * i]!;
  }
  return { ids, logits, mass, whole: 2 * (held + 1) < values.length };
};
