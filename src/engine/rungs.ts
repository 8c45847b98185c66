import type { Sample } from '../backends/webgpu/sample.js';
import type { Speed } from '../backends/webgpu/trial.js';
import { LonghandError } from '../errors.js';
import { needsHost } from '../predictors/needs-host.js';
import type { Predictor } from '../predictors/predictor.js';
import { findAdapter } from './find-adapter.js';
import { keptTrials, type Speeds } from './kept-trials.js';
import { loadWebgpu } from './load-webgpu.js';
import { type Computing, openWasm, shadersAt } from './open-backend.js';
import type { checkEngineOptions } from './options.js';

type Chosen = ReturnType<typeof checkEngineOptions>;

/** Opens a backend. `losses`: how many were lost before. */
export type OpenComputing = (losses: number) => Promise<Computing>;

const because = (backend: Computing, why: string): Computing => ({
  ...backend,
  reason: `${backend.reason}; ${why}`,
});

const afterLoss = (losses: number): string =>
  `the GPU was lost ${losses === 1 ? 'once' : losses === 2 ? 'twice' : `${losses} times`}`;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** A GPU that computes what the CPU does, or `unsupported/backend`. */
const openGpu = async (chosen: Chosen, sample: Sample, cpu?: Computing): Promise<Computing> => {
  const { bytes: requested } = sample;
  if (requested > chosen.gpuMemory) {
    throw new LonghandError(
      'memory/device',
      `The model needs ${mebibytes(requested)} on the GPU before it reads anything; gpuMemory allows ${mebibytes(chosen.gpuMemory)}. Allow more, use a smaller model, or the CPU.`,
      { requested, available: chosen.gpuMemory },
    );
  }
  const { createTopShortlist, createWebgpuBackend, selfTest } = await loadWebgpu();
  const opened = await createWebgpuBackend({
    ...{ shadersUrl: shadersAt(chosen), memory: chosen.gpuMemory },
    keptWays: keptTrials(chosen, 'ways'),
  });
  const gpu = Object.assign(opened, { topShortlist: createTopShortlist });
  const judge = cpu ?? (await openWasm({ ...chosen, threads: 1 }));
  try {
    const wrong = await selfTest(gpu, judge, sample);
    if (wrong === undefined) return gpu;
    throw new LonghandError(
      'unsupported/backend',
      `This GPU computes wrongly (${gpu.reason}): ${wrong}. Update the browser or the driver, or ask for 'wasm'.`,
      { backend: 'webgpu', adapter: gpu.reason },
    );
  } catch (error) {
    gpu.close();
    throw error;
  } finally {
    if (!cpu) judge.close();
  }
};

const inWords = ({ page, token }: Speed): string =>
  `${page.toPrecision(2)} ms and ${token.toPrecision(2)} ms`;

/** The GPU, where it is there, computes right and is faster than `cpu`; else why not. */
const tryGpu = async (
  chosen: Chosen,
  sample: Sample,
  cpu: Computing,
): Promise<{ readonly gpu?: Computing; readonly why: string }> => {
  const adapter = await findAdapter();
  if ('why' in adapter) return adapter;
  let gpu: Computing | undefined;
  try {
    const { trySpeed, isFaster } = await loadWebgpu();
    const kept = keptTrials(chosen, 'speeds');
    const what = [adapter.gpu, cpu.build, cpu.threads, sample];
    let speeds = (await kept.get(what)) as Speeds | undefined;
    if (speeds && !isFaster(speeds.gpu, speeds.cpu)) return { why: slower(speeds) };
    gpu = await openGpu(chosen, sample, cpu);
    if (!speeds) {
      speeds = { gpu: await trySpeed(gpu, sample), cpu: await trySpeed(cpu, sample) };
      await kept.put(what, speeds);
    }
    if (isFaster(speeds.gpu, speeds.cpu)) return { gpu, why: faster(speeds) };
    gpu.close();
    return { why: slower(speeds) };
  } catch (error) {
    gpu?.close();
    return { why: `the GPU cannot be used: ${(error as Error).message}` };
  }
};

const tried = ({ gpu, cpu }: Speeds): string =>
  `a page of text and a token of an answer would take ${inWords(gpu)} on the GPU, ${inWords(cpu)} on the CPU`;
const faster = (speeds: Speeds): string => `tried: ${tried(speeds)}`;
const slower = (speeds: Speeds): string => `the GPU is slower: ${tried(speeds)}`;

/**
 * What computes a model, and what does when that is lost: a GPU is opened once more, then the CPU takes over. `auto` is the
 * GPU only where a trial shows that it is faster, and where `predictor` can plan there; `webgpu` rejects with
 * `unsupported/backend` where it cannot.
 */
export const rungsOf = async (
  chosen: Chosen,
  sample: Sample,
  predictor: Pick<Predictor, 'name' | 'needs'>,
): Promise<OpenComputing[]> => {
  const cpu: OpenComputing = async (losses) => {
    const backend = await openWasm(chosen);
    return losses > 0 ? because(backend, afterLoss(losses)) : backend;
  };
  const gpu: OpenComputing = async (losses) => {
    const backend = await openGpu(chosen, sample);
    return losses > 0 ? because(backend, afterLoss(losses)) : backend;
  };
  if (chosen.backend === 'wasm') return [cpu];
  if (predictor.needs.host) {
    if (chosen.backend === 'webgpu') throw needsHost(predictor, 'webgpu');
    return [async () => because(await openWasm(chosen), `the method '${predictor.name}' plans on the CPU`)];
  }
  if (chosen.backend === 'webgpu') return [gpu, gpu, cpu];
  const first = await openWasm(chosen);
  const found = await tryGpu(chosen, sample, first).catch((error) => {
    first.close();
    throw error;
  });
  const opened = found.gpu ?? first;
  if (found.gpu) first.close();
  const taken: OpenComputing = async () => because(opened, found.why);
  return found.gpu ? [taken, gpu, cpu] : [taken];
};
