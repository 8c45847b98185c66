/**
 * A llama or qwen3 decoder in 64-bit floats: every matrix product a loop, attention over everything, nothing cached,
 * nothing shared with the engine. What it computes is what an F32 file means; fast code is held against it.
 */
import type { Gguf } from '../../src/weights/gguf.js';

export interface PlainModel {
  readonly vocab: number;
  /** What follows each prefix of `ids`: one row of logits (vocab) per token. */
  logits(ids: readonly number[]): Float64Array[];
}

type Rows = Float64Array[];

/**
 * The model of a parsed GGUF and the bytes of its file, whose tensors must all be F32. `cached` is what keeping a key's
 * or a value's number does to it (rounding to f16, say); by default it is kept as computed.
 */
export const plainModel = (gguf: Gguf, file: Uint8Array, cached = (value: number) => value): PlainModel => {
  const number = (key: string, fallback?: number) => gguf.metadata.number(`${architecture}.${key}`, fallback);
  const architecture = gguf.metadata.string('general.architecture');
  const pairing = { llama: 'adjacent', qwen3: 'half' }[architecture];
  if (!pairing) throw new Error(`The plain model computes llama and qwen3; the file is ${architecture}.`);

  const tensor = (name: string): Rows | undefined => {
    const entry = gguf.tensors.get(name);
    if (!entry) return undefined;
    if (entry.type !== 'F32') throw new Error(`The plain model reads F32; ${name} is ${entry.type}.`);
    const view = new DataView(file.buffer, file.byteOffset + entry.offset, entry.bytes);
    return Array.from({ length: entry.rows }, (_, row) =>
      Float64Array.from({ length: entry.cols }, (_, col) =>
        view.getFloat32(4 * (row * entry.cols + col), true),
      ),
    );
  };
  const required = (name: string): Rows => {
    const found = tensor(name);
    if (!found) throw new Error(`The file has no tensor ${name}.`);
    return found;
  };

  const embedding = required('token_embd.weight');
  const dim = embedding[0]!.length;
  const heads = number('attention.head_count');
  const kvHeads = number('attention.head_count_kv', heads);
  const headDim = number('attention.key_length', dim / heads);
  const valueDim = number('attention.value_length', dim / heads);
  const eps = number('attention.layer_norm_rms_epsilon');
  const ropeBase = number('rope.freq_base', 10000);
  const ropeDim = number('rope.dimension_count', headDim);
  const ropeFactors = tensor('rope_freqs.weight')?.[0];
  const outputNorm = required('output_norm.weight')[0]!;
  const output = tensor('output.weight') ?? embedding;
  const layers = Array.from({ length: number('block_count') }, (_, layer) => {
    const weights = (name: string) => required(`blk.${layer}.${name}.weight`);
    const optional = (name: string) => tensor(`blk.${layer}.${name}`)?.[0];
    return {
      attnNorm: weights('attn_norm')[0]!,
      q: weights('attn_q'),
      k: weights('attn_k'),
      v: weights('attn_v'),
      o: weights('attn_output'),
      qBias: optional('attn_q.bias'),
      kBias: optional('attn_k.bias'),
      vBias: optional('attn_v.bias'),
      qNorm: optional('attn_q_norm.weight'),
      kNorm: optional('attn_k_norm.weight'),
      ffnNorm: weights('ffn_norm')[0]!,
      gate: weights('ffn_gate'),
      up: weights('ffn_up'),
      down: weights('ffn_down'),
    };
  });

  /** Rotates one head in place by its position. RoFormer, arXiv 2104.09864. */
  const rotate = (head: Float64Array, position: number): void => {
    const half = ropeDim / 2;
    for (let pair = 0; pair < half; pair++) {
      const angle = (position * ropeBase ** ((-2 * pair) / ropeDim)) / (ropeFactors?.[pair] ?? 1);
      const first = pairing === 'half' ? pair : 2 * pair;
      const second = pairing === 'half' ? pair + half : 2 * pair + 1;
      const [a, b] = [head[first]!, head[second]!];
      head[first] = a * Math.cos(angle) - b * Math.sin(angle);
      head[second] = b * Math.cos(angle) + a * Math.sin(angle);
    }
  };

  /** The heads of every row of x: projected, with bias, norm and rotation where the layer has them. */
  const project = (x: Rows, w: Rows, width: number, bias?: Float64Array, norm?: Float64Array, turn = false) =>
    x.map((row, position) => {
      const projected = multiply(w, row);
      if (bias) accumulate(projected, bias);
      return Array.from({ length: projected.length / width }, (_, index) => {
        const raw = projected.slice(index * width, (index + 1) * width);
        const head = norm ? rmsNorm(raw, norm, eps) : raw;
        if (turn) rotate(head, position);
        return head;
      });
    });

  const logits = (ids: readonly number[]): Float64Array[] => {
    const x = ids.map((id) => Float64Array.from(embedding[id]!));
    for (const w of layers) {
      const h = x.map((row) => rmsNorm(row, w.attnNorm, eps));
      const q = project(h, w.q, headDim, w.qBias, w.qNorm, true);
      const k = project(h, w.k, headDim, w.kBias, w.kNorm, true).map((row) =>
        row.map((head) => head.map(cached)),
      );
      const v = project(h, w.v, valueDim, w.vBias).map((row) => row.map((head) => head.map(cached)));
      x.forEach((row, position) => {
        const attended = new Float64Array(heads * valueDim);
        for (let head = 0; head < heads; head++) {
          const kvHead = Math.floor((head * kvHeads) / heads);
          const scores = new Float64Array(position + 1);
          for (let key = 0; key <= position; key++)
            scores[key] = dot(q[position]![head]!, k[key]![kvHead]!) / Math.sqrt(headDim);
          softmax(scores).forEach((weight, key) => {
            for (let channel = 0; channel < valueDim; channel++)
              attended[head * valueDim + channel]! += weight * v[key]![kvHead]![channel]!;
          });
        }
        accumulate(row, multiply(w.o, attended));
        const normed = rmsNorm(row, w.ffnNorm, eps);
        const up = multiply(w.up, normed);
        const gated = multiply(w.gate, normed).map(
          (gate, index) => (gate / (1 + Math.exp(-gate))) * up[index]!,
        );
        accumulate(row, multiply(w.down, gated));
      });
    }
    return x.map((row) => multiply(output, rmsNorm(row, outputNorm, eps)));
  };
  return { vocab: embedding.length, logits };
};

/** Natural log-probabilities of a row of logits. */
export const logProbabilities = (logits: ArrayLike<number>): Float64Array => {
  const row = Float64Array.from(logits);
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const logSum = most + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return row.map((logit) => logit - logSum);
};

const softmax = (scores: Float64Array): Float64Array => logProbabilities(scores).map(Math.exp);

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
};

const multiply = (w: Rows, x: Float64Array): Float64Array => Float64Array.from(w, (row) => dot(row, x));

const accumulate = (x: Float64Array, y: Float64Array): void => {
  for (let index = 0; index < x.length; index++) x[index]! += y[index]!;
};

const rmsNorm = (x: Float64Array, weight: Float64Array, eps: number): Float64Array => {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + eps);
  return x.map((value, index) => value * scale * weight[index]!);
};
