// llama.cpp's own speed through node-llama-cpp's prebuilt CPU build.
import { cpuBuild } from './cpu-build.mjs';

/** Seconds that reading and answering took, the best of `samples`. */
export async function timeLlama({ path, threads, tokens, answer, samples, flashAttention, warm = true }) {
  const { getLlama, getModuleVersion } = await import('node-llama-cpp');
  const llama = await getLlama(cpuBuild(threads));
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: false });
  const context = await model.createContext({
    contextSize: tokens + answer + 16,
    batchSize: 512,
    threads: { ideal: threads, min: threads },
    flashAttention,
  });
  const sequence = context.getSequence();
  const feed = (ids) =>
    sequence.controlledEvaluate(
      ids.map((id, i) => (i === ids.length - 1 ? [id, { generateNext: { token: true } }] : id)),
    );
  const clock = async (run) => {
    const started = performance.now();
    await run();
    return (performance.now() - started) / 1000;
  };
  const found = { read: Number.POSITIVE_INFINITY, answer: Number.POSITIVE_INFINITY };
  const ids = Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919) % 40_000));
  if (warm) await feed(ids.slice(0, 64));
  for (let sample = 0; sample < samples; sample++) {
    await sequence.clearHistory();
    found.read = Math.min(found.read, await clock(() => feed(ids)));
    const answering = async () => {
      for (let i = 0; i < answer; i++) await feed([2000 + i]);
    };
    if (answer > 0) found.answer = Math.min(found.answer, await clock(answering));
  }
  const { release } = llama.llamaCppRelease;
  await context.dispose();
  await model.dispose();
  await llama.dispose();
  return { ...found, version: `node-llama-cpp ${await getModuleVersion()} (${release})` };
}
