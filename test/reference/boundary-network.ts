import type { Boundaries, KvLayer } from '../../src/backends/backend.js';
import type { BoundaryWeights, Linear } from '../../src/predictors/boundary-network.js';
import type { NetworkJudge } from '../../src/predictors/learned-boundaries.js';
import { storedKey, unrotated } from './keys.js';

const linear = ({ weight, bias }: Linear, x: number[]): number[] =>
  Array.from(bias, (b, o) => x.reduce((sum, value, i) => sum + weight[o * x.length + i]! * value, b));

const dot = (a: number[], b: number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** The logit of the gap in the middle of `tokens`, 2 · window keys, as the paper's formulas say it, in f64. */
export const gapLogit = (network: BoundaryWeights, tokens: number[][]): number => {
  const { width, heads, window, project, out, norm, first, second } = network;
  const dim = width / heads;
  const all = tokens.map((token) => linear(project, token));
  const part = (token: number, kind: number, head: number): number[] =>
    all[token]!.slice(kind * width + head * dim, kind * width + (head + 1) * dim);
  const encoded = tokens.map((_, at) => {
    const mixed = Array.from({ length: heads }, (_, head) => {
      const logits = tokens.map((_, j) => dot(part(at, 0, head), part(j, 1, head)) / Math.sqrt(dim));
      const most = Math.max(...logits);
      const weights = logits.map((logit) => Math.exp(logit - most));
      const sum = weights.reduce((a, b) => a + b, 0);
      return Array.from({ length: dim }, (_, c) =>
        weights.reduce((total, weight, j) => total + (weight / sum) * part(j, 2, head)[c]!, 0),
      );
    }).flat();
    const x = linear(out, mixed);
    const mean = x.reduce((a, b) => a + b, 0) / width;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / width;
    return x.map(
      (value, c) => ((value - mean) / Math.sqrt(variance + 1e-5)) * norm.weight[c]! + norm.bias[c]!,
    );
  });
  const meanOf = (some: number[][]): number[] =>
    Array.from({ length: width }, (_, c) => some.reduce((sum, x) => sum + x[c]!, 0) / some.length);
  const [a, b] = [meanOf(encoded.slice(0, window)), meanOf(encoded.slice(window))];
  const cosine = dot(a, b) / Math.max(Math.sqrt(dot(a, a) * dot(b, b)), 1e-8);
  const feature = [
    ...a,
    ...b,
    ...a.map((x, c) => Math.abs(x - b[c]!)),
    ...a.map((x, c) => x * b[c]!),
    cosine,
  ];
  return linear(
    second,
    linear(first, feature).map((x) => Math.max(0, x)),
  )[0]!;
};

/** How clearly there is a boundary before token `gap`, −1 where there is none. */
export const judgedGap = (
  kv: KvLayer,
  gap: number,
  { judge, window }: Extract<Boundaries, { source: 'contrast' }>,
): number => {
  const { network, threshold } = judge as NetworkJudge;
  const tokens = Array.from({ length: 2 * window }, (_, i) =>
    Array.from({ length: kv.shape.kvHeads }, (_, head) => [
      ...unrotated(kv, storedKey(kv, head, gap - window + i)),
    ]).flat(),
  );
  const logit = Math.round(gapLogit(network, tokens) * 1024) / 1024;
  return logit > threshold ? logit - threshold : -1;
};
