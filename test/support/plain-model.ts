/**
 * Decoders in 64-bit floats: every matrix product a loop, attention over everything a row may see, nothing cached,
 * nothing shared with the engine. What it computes is what an F32 file means; fast code is held against it.
 */
import type { Gguf } from '../../src/weights/gguf.js';
import { rowByRow } from '../reference/states.js';
import { plainRotation } from './plain-rotation.js';

export interface PlainModel {
  readonly vocab: number;
  /** What follows each prefix of `ids`: one row of logits (vocab) per token. */
  logits(ids: readonly number[]): Float64Array[];
}

export interface PlainOptions {
  /** What keeping a key's or a value's number does to it (rounding to f16, say). Default: nothing. */
  readonly cached?: (value: number) => number;
  /** GELU in its tanh form, as it is to be rounded. Default: exact. */
  readonly gelu?: (value: number) => number;
  /** Tokens the context has room for, which decides between short and long factors. Default: the model's window. */
  readonly room?: number;
}

type Rows = Float64Array[];

/** What an architecture means and its files do not say. */
interface Habits {
  readonly pairing: 'adjacent' | 'half';
  readonly gelu?: true;
  readonly scaledEmbedding?: true;
  /** Every n-th layer reads everything, the others slide; 0: all slide. Missing: windows mean nothing. */
  readonly whole?: number;
  /** Rotation base of the layers that slide. */
  readonly slidingBase?: number;
  /** Every n-th layer is not rotated. */
  readonly still?: number;
  /** Its files say what embeddings, residuals and logits are multiplied by, and whether anything is rotated. */
  readonly multiplies?: true;
  /** Layers of the model whose queries are scaled by the width of the embedding per head. */
  readonly widest?: number;
}
const HABITS: Readonly<Record<string, Habits>> = {
  llama: { pairing: 'adjacent', whole: 0 },
  qwen2: { pairing: 'half' },
  qwen3: { pairing: 'half' },
  gemma2: { pairing: 'half', gelu: true, scaledEmbedding: true, whole: 2, widest: 46 },
  gemma3: { pairing: 'half', gelu: true, scaledEmbedding: true, whole: 6, slidingBase: 1e4, widest: 62 },
  smollm3: { pairing: 'adjacent', still: 4 },
  phi3: { pairing: 'half' },
  granitehybrid: { pairing: 'adjacent', multiplies: true },
};

/** GELU in its tanh form, arXiv 1606.08415. */
export const tanhGelu = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const silu = (x: number): number => x / (1 + Math.exp(-x));

/** The model of a parsed GGUF and the bytes of its file, whose tensors must all be F32. */
export const plainModel = (gguf: Gguf, file: Uint8Array, options: PlainOptions = {}): PlainModel => {
  const { cached = (value: number) => value, gelu = tanhGelu } = options;
  const number = (key: string, fallback?: number) => gguf.metadata.number(`${architecture}.${key}`, fallback);
  const architecture = gguf.metadata.string('general.architecture');
  const habits = HABITS[architecture];
  if (!habits) throw new Error(`The plain model does not compute ${architecture}.`);

  /** A matrix, or the product of a pair that stands in its place. */
  const tensor = (name: string): Rows | undefined => {
    const [, stem] = /^(.*)\.weight$/.exec(name) ?? [];
    const [first, second] = stem ? [stored(`${stem}_a.weight`), stored(`${stem}_b.weight`)] : [];
    if (!first || !second) return stored(name);
    return second.map((row) => {
      const sum = new Float64Array(first[0]!.length);
      for (const [i, inner] of first.entries()) accumulate(sum, inner, row[i]!);
      return sum;
    });
  };
  const stored = (name: string): Rows | undefined => {
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
  const depth = number('block_count');
  const hidden = number('feed_forward_length');
  const heads = number('attention.head_count');
  const list = `${architecture}.attention.head_count_kv`;
  const kvHeads = gguf.metadata.isList(list)
    ? Math.max(...Array.from(gguf.metadata.numbers(list), Number))
    : number('attention.head_count_kv', heads);
  const scaled = (key: string): number => (habits.multiplies ? number(key, 1) : 1);
  const queryScale = number('attention.scale', 0);
  const turns = !habits.multiplies || gguf.metadata.boolean(`${architecture}.rope.scaling.finetuned`, true);
  const headDim = number('attention.key_length', dim / heads);
  const valueDim = number('attention.value_length', dim / heads);
  const eps = number('attention.layer_norm_rms_epsilon');
  const window = number('attention.sliding_window', 0);
  const attentionCap = number('attn_logit_softcapping', 0);
  const logitCap = number('final_logit_softcapping', 0);
  const queryWidth = depth === habits.widest ? Math.floor(dim / heads) : headDim;
  const keyHeads = number('attention.head_count_k', kvHeads);
  const valueHeads = number('attention.head_count_v', kvHeads);
  const used = number('attention.head_used_count', heads);
  const shared = number('attention.head_shared_count', 0);
  const outputNorm = required('output_norm.weight')[0]!;
  const output = tensor('output.weight') ?? embedding;
  const wholeRotation = plainRotation(
    gguf,
    habits.pairing,
    headDim,
    options.room,
    (name) => tensor(name)?.[0],
  );

  const slides = (layer: number): boolean =>
    window > 0 &&
    habits.whole !== undefined &&
    (habits.whole === 0 || layer % habits.whole < habits.whole - 1);
  const rotationOf = (layer: number) => {
    if (!turns || (habits.still && (layer + 1) % habits.still === 0)) return undefined;
    return slides(layer) && habits.slidingBase ? wholeRotation.plainly(habits.slidingBase) : wholeRotation;
  };

  /** The tensors of a layer that has a state instead of attention. */
  const stateLayer = (layer: number) => {
    const part = (name: string) => tensor(`blk.${layer}.ssm_${name}`);
    const projection = part('in.weight');
    if (!projection) return undefined;
    const vector = (name: string) =>
      Float64Array.from(required(`blk.${layer}.ssm_${name}`).flatMap((row) => [...row]));
    return {
      projection,
      taps: required(`blk.${layer}.ssm_conv1d.weight`),
      tapBias: vector('conv1d.bias'),
      stepBias: vector('dt.bias'),
      decay: vector('a'),
      skip: vector('d'),
      norm: vector('norm.weight'),
      out: required(`blk.${layer}.ssm_out.weight`),
    };
  };

  const layers = Array.from({ length: depth }, (_, layer) => {
    const weights = (name: string) => required(`blk.${layer}.${name}.weight`);
    const optional = (name: string) => tensor(`blk.${layer}.${name}`)?.[0];
    const qkv = tensor(`blk.${layer}.attn_qkv.weight`);
    const states = stateLayer(layer);
    const attends = (name: string) => (states ? [] : weights(name));
    const queries = heads * headDim;
    const keys = queries + kvHeads * headDim;
    const up = weights('ffn_up');
    return {
      window: slides(layer) ? window : Infinity,
      rotation: rotationOf(layer),
      attnNorm: weights('attn_norm')[0]!,
      q: qkv?.slice(0, queries) ?? attends('attn_q'),
      k: qkv?.slice(queries, keys) ?? attends('attn_k'),
      v: qkv?.slice(keys) ?? attends('attn_v'),
      o: attends('attn_output'),
      states,
      router: tensor(`blk.${layer}.attn_router.weight`),
      qBias: optional('attn_q.bias'),
      kBias: optional('attn_k.bias'),
      vBias: optional('attn_v.bias'),
      oBias: optional('attn_output.bias'),
      qNorm: optional('attn_q_norm.weight'),
      kNorm: optional('attn_k_norm.weight'),
      attnPostNorm: optional('post_attention_norm.weight'),
      ffnNorm: weights('ffn_norm')[0]!,
      gate: up.length > hidden ? up.slice(0, hidden) : weights('ffn_gate'),
      up: up.length > hidden ? up.slice(hidden) : up,
      down: weights('ffn_down'),
      gateBias: optional('ffn_gate.bias'),
      upBias: optional('ffn_up.bias'),
      downBias: optional('ffn_down.bias'),
      ffnPostNorm: optional('post_ffw_norm.weight'),
    };
  });
  type Layer = (typeof layers)[number];

  /** The heads of every row of x: projected, with bias, norm and rotation where the layer has them. */
  const project = (
    x: Rows,
    w: Rows,
    width: number,
    bias?: Float64Array,
    norm?: Float64Array,
    rotation?: Layer['rotation'],
  ) =>
    x.map((row, position) => {
      const projected = multiply(w, row, bias);
      return Array.from({ length: projected.length / width }, (_, index) => {
        const raw = projected.slice(index * width, (index + 1) * width);
        const head = norm ? rmsNorm(raw, norm, eps) : raw;
        rotation?.turn(head, position);
        return head;
      });
    });

  /** What each head counts: some are shared, some used, the others nothing. */
  const routes = (queries: readonly Float64Array[], logits?: Float64Array): Float64Array => {
    const score = (head: number) => logits?.[head] ?? dot(queries[head]!, queries[head]!);
    const all = queries.map((_, head) => head);
    const best = all.slice(shared).sort((a, b) => score(b) - score(a) || a - b);
    const chosen = used + shared >= heads && !logits ? best : best.slice(0, used);
    const factors = new Float64Array(heads);
    const [ofShared, ofChosen] =
      logits && shared > 0 ? softmax(logits.slice(heads)).map((part) => 2 * part) : [1, 1];
    for (const [some, weight] of [
      [all.slice(0, shared), ofShared!],
      [chosen, ofChosen!],
    ] as const) {
      const parts = softmax(Float64Array.from(some, (head) => (logits ? score(head) : 0)));
      some.forEach((head, i) => {
        factors[head] = weight * parts[i]! * some.length;
      });
    }
    return factors;
  };

  const attention = (w: Layer, h: Rows): Rows => {
    const kept = (rows: Float64Array[][]) => rows.map((row) => row.map((head) => head.map(cached)));
    const q = project(h, w.q, headDim, w.qBias, w.qNorm, w.rotation);
    const k = kept(project(h, w.k, headDim, w.kBias, w.kNorm, w.rotation));
    const v = kept(project(h, w.v, valueDim, w.vBias));
    return h.map((_, position) => {
      const attended = new Float64Array(heads * valueDim);
      const first = Math.max(0, position - w.window + 1);
      for (let head = 0; head < heads; head++) {
        const keyHead = Math.floor((head * keyHeads) / heads);
        const valueHead = Math.floor((head * valueHeads) / heads);
        const scores = Float64Array.from({ length: position + 1 - first }, (_, index) => {
          const logit =
            dot(q[position]![head]!, k[first + index]![keyHead]!) * (queryScale || 1 / Math.sqrt(queryWidth));
          return capped(logit, attentionCap);
        });
        softmax(scores).forEach((weight, index) => {
          for (let channel = 0; channel < valueDim; channel++)
            attended[head * valueDim + channel]! += weight * v[first + index]![valueHead]![channel]!;
        });
      }
      const factors = routes(q[position]!, w.router && multiply(w.router, h[position]!));
      return multiply(
        w.o,
        attended.map((value, channel) => value * factors[Math.floor(channel / valueDim)]!),
        w.oBias,
      );
    });
  };

  /** Mamba-2, arXiv 2405.21060 §7: convolution, recurrence, gate, norm. */
  const recurrence = (w: NonNullable<Layer['states']>, h: Rows): Rows => {
    const heads = w.decay.length;
    const inner = w.norm.length;
    const channels = w.taps.length;
    const state = (channels - inner) / 2;
    const projected = h.map((row) => multiply(w.projection, row));
    const mixed = projected.map((_, t) =>
      w.taps.map((taps, c) => {
        let sum = w.tapBias[c]!;
        taps.forEach((tap, n) => {
          sum += tap * (projected[t + n - taps.length + 1]?.[inner + c] ?? 0);
        });
        return silu(sum);
      }),
    );
    const width = inner / heads;
    const read = h.map(() => new Float64Array(inner));
    for (let head = 0; head < heads; head++) {
      const steps = projected.map((row) =>
        Math.log1p(Math.exp(row[inner + channels + head]! + w.stepBias[head]!)),
      );
      const values = mixed.map((row) => row.slice(head * width, (head + 1) * width));
      const empty = Array.from({ length: width }, () => new Array<number>(state).fill(0));
      const got = rowByRow(empty, {
        ...{ values, steps, decays: steps.map((step) => Math.exp(step * w.decay[head]!)) },
        keys: mixed.map((row) => row.slice(inner, inner + state)),
        queries: mixed.map((row) => row.slice(inner + state)),
      });
      got.forEach((row, t) => {
        row.forEach((value, c) => {
          read[t]![head * width + c] = value + w.skip[head]! * values[t]![c]!;
        });
      });
    }
    return read.map((row, t) => {
      const gated = row.map((value, c) => value * silu(projected[t]![c]!));
      return multiply(w.out, rmsNorm(gated, w.norm, eps));
    });
  };

  const feedForward = (w: Layer, h: Float64Array): Float64Array => {
    const up = multiply(w.up, h, w.upBias);
    const act = habits.gelu ? gelu : silu;
    const gated = multiply(w.gate, h, w.gateBias).map((gate, index) => act(gate) * up[index]!);
    return multiply(w.down, gated, w.downBias);
  };

  const logits = (ids: readonly number[]): Float64Array[] => {
    const scale = habits.scaledEmbedding ? Math.sqrt(dim) : scaled('embedding_scale');
    const residual = scaled('residual_scale');
    const x = ids.map((id) => embedding[id]!.map((value) => value * scale));
    for (const w of layers) {
      const normed = x.map((row) => rmsNorm(row, w.attnNorm, eps));
      const attended = w.states ? recurrence(w.states, normed) : attention(w, normed);
      x.forEach((row, position) => {
        const block = attended[position]!;
        accumulate(row, w.attnPostNorm ? rmsNorm(block, w.attnPostNorm, eps) : block, residual);
        const fed = feedForward(w, rmsNorm(row, w.ffnNorm, eps));
        accumulate(row, w.ffnPostNorm ? rmsNorm(fed, w.ffnPostNorm, eps) : fed, residual);
      });
    }
    return x.map((row) =>
      multiply(output, rmsNorm(row, outputNorm, eps)).map((logit) =>
        capped(logit / scaled('logit_scale'), logitCap),
      ),
    );
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

const capped = (logit: number, cap: number): number => (cap > 0 ? cap * Math.tanh(logit / cap) : logit);

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
};

const multiply = (w: Rows, x: Float64Array, bias?: Float64Array): Float64Array =>
  Float64Array.from(w, (row, index) => dot(row, x) + (bias?.[index] ?? 0));

const accumulate = (x: Float64Array, y: Float64Array, scale: number): void => {
  for (let index = 0; index < x.length; index++) x[index]! += scale * y[index]!;
};

const rmsNorm = (x: Float64Array, weight: Float64Array, eps: number): Float64Array => {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + eps);
  return x.map((value, index) => value * scale * weight[index]!);
};
