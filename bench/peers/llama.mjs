// llama.cpp through node-llama-cpp's prebuilt CPU build: exact log-probabilities and greedy continuations.
import { getLlama, getModuleVersion, TokenBias } from 'node-llama-cpp';
import { cpuBuild } from './cpu-build.mjs';

/** Tokens whose log-probability is kept at each position. */
export const TOP = 20;

/**
 * Starts llama.cpp on the CPU. `versions` names the package's and that of the llama.cpp in its prebuilt binary.
 * The returned object and everything it opened are freed by `close()`.
 */
export async function startLlama({ threads = 2 } = {}) {
  const llama = await getLlama(cpuBuild(threads));
  return {
    versions: { 'node-llama-cpp': await getModuleVersion(), 'llama.cpp': llama.llamaCppRelease.release },
    open: (path, options) => openModel(llama, path, { threads, ...options }),
    close: () => llama.dispose(),
  };
}

/**
 * Opens a GGUF file. `window` is the number of tokens of the context. Keys and values are cached in `kv`
 * ('F16' is llama.cpp's default); `flashAttention` is 'auto' in llama.cpp, which means on for a CPU.
 */
async function openModel(llama, path, { threads, window = 512, flashAttention = 'auto', kv = 'F16' } = {}) {
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false });
  const context = await model.createContext({
    contextSize: window,
    batchSize: Math.min(window, 512),
    threads: { ideal: threads, min: threads },
    flashAttention,
    experimentalKvCacheKeyType: kv,
    experimentalKvCacheValueType: kv,
  });
  const sequence = context.getSequence();

  /** Feeds `ids` behind what the sequence holds; distributions after the listed indexes, in order. */
  const feed = async (ids, indexes) => {
    const wanted = new Set(indexes);
    const input = ids.map((id, index) =>
      wanted.has(index) ? [id, { generateNext: { probabilities: true, options: { temperature: 0 } } }] : id,
    );
    const output = await sequence.controlledEvaluate(input);
    return indexes.map((index) => summary(output[index].next.probabilities));
  };
  const restart = () => sequence.clearHistory();

  return {
    window,
    tokenize: (text, special = false) => [...model.tokenize(text, special)],
    detokenize: (ids, special = false) => model.detokenize(ids, special),
    /** What follows each of `positions` (default: every position) when llama.cpp has read `ids` up to there. */
    evaluate: async (ids, positions = ids.map((_, index) => index)) => {
      await restart();
      return feed(ids, positions);
    },
    /**
     * What is left after `ids` once llama.cpp's whole chain (bias, penalties, cuts, temperature) has been applied:
     * [id, probability], likeliest first. `options` are Longhand's sampling options.
     */
    chained: async (ids, options) => {
      await restart();
      const last = ids.length - 1;
      const next = { probabilities: true, options: chainOptions(model, options, ids) };
      const input = ids.map((id, index) => (index === last ? [id, { generateNext: next }] : id));
      const output = await sequence.controlledEvaluate(input);
      return [...output[last].next.probabilities].filter(([, probability]) => probability > 0);
    },
    /** The greedy continuation of `ids`: exactly `count` ids (a stop token does not end it), with margins. */
    greedy: async (ids, count) => {
      await restart();
      const result = { ids: [], margins: [] };
      let [next] = await feed(ids, [ids.length - 1]);
      for (;;) {
        const id = next.top[0][0];
        result.ids.push(id);
        result.margins.push(next.margin);
        if (result.ids.length === count) return result;
        [next] = await feed([id], [0]);
      }
    },
    close: async () => {
      await context.dispose();
      await model.dispose();
    },
  };
}

/** Longhand's sampling options in the words of node-llama-cpp, whose penalties are told which tokens are recent. */
function chainOptions(model, options, ids) {
  const { temperature = 0, topK = 0, topP = 1, minP = 0, penaltyTokens = 64, logitBias = {} } = options;
  const bias = new TokenBias(model.tokenizer);
  for (const [id, logit] of Object.entries(logitBias))
    bias.set(Number(id), logit <= -100 ? 'never' : { logit });
  const recent = ids.slice(Math.max(0, ids.length - penaltyTokens));
  const repeatPenalty = {
    punishTokens: recent,
    maxPunishTokens: recent.length,
    penalty: options.repetitionPenalty ?? 1,
    presencePenalty: options.presencePenalty ?? 0,
    frequencyPenalty: options.frequencyPenalty ?? 0,
  };
  return { temperature, topK, topP, minP, seed: 1, tokenBias: bias, repeatPenalty };
}

/**
 * The distribution as recorded: the TOP likeliest tokens with natural log-probabilities over the whole
 * vocabulary, and the margin of the first to the second in logits. At temperature 0 node-llama-cpp's chain
 * cuts nothing (no top-k, top-p or min-p), but its f32 softmax sums in f32, so it is normalised again here.
 */
function summary(probabilities) {
  let sum = 0;
  for (const probability of probabilities.values()) sum += probability;
  const top = [];
  for (const [id, probability] of probabilities) {
    if (top.length === TOP || probability === 0) break;
    top.push([id, Math.log(probability / sum)]);
  }
  return { top, margin: top[0][1] - top[1][1] };
}
