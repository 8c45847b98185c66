/** An array of numbers of any kind. */
interface Numbers extends ArrayLike<number> {
  map(turn: (x: number) => number): Numbers;
  reduce(join: (a: number, b: number) => number, first: number): number;
}

/** The softmax of numbers times `scale` (default 1). Weights are as exact as what they come in, before they are divided. */
export const softmax = (logits: Numbers, scale = 1): number[] => {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = logits.map((logit) => Math.exp((logit - most) * scale));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from(weights, (weight) => weight / sum);
};
