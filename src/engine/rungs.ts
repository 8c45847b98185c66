import type { Sample } from '../backends/webgpu/sample.js';
import type { ModelConfig } from '../model/config.js';
import { needsRecur } from '../model/state.js';
import { needsHost } from '../predictors/needs-host.js';
import type { Predictor } from '../predictors/predictor.js';
import { findAdapter } from './find-adapter.js';
import { keptTrials } from './kept-trials.js';
import { loadWebgpu } from './load-webgpu.js';
import { type Computing, openWasm, shadersAt } from './open-backend.js';
import type { GpuNeeds } from './open-gpu.js';
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

const needsOf = (chosen: Chosen, sample: Sample): GpuNeeds => ({
  ...{ shadersUrl: shadersAt(chosen), memory: chosen.gpuMemory, sample },
  kept: { speeds: keptTrials(chosen, 'speeds'), ways: keptTrials(chosen, 'ways') },
  openJudge: () => openWasm({ ...chosen, threads: 1 }),
});

/** The GPU, where it is there, computes right and is faster than `cpu`; else why not. */
const findGpu = async (
  needs: GpuNeeds,
  cpu: Computing,
): Promise<{ readonly gpu?: Computing; readonly why: string }> => {
  const adapter = await findAdapter();
  if ('why' in adapter) return adapter;
  try {
    return await (await loadWebgpu()).tryGpu(needs, adapter.gpu, cpu);
  } catch (error) {
    return { why: `the GPU cannot be used: ${(error as Error).message}` };
  }
};

/**
 * What computes a model, and what does when that is lost: a GPU is opened once more, then the CPU takes over. `auto` is the
 * GPU only where a trial shows that it is faster, and where `predictor` and the model's layers can be computed there; `webgpu`
 * rejects with `unsupported/backend` where it cannot.
 */
export const rungsOf = async (
  chosen: Chosen,
  sample: Sample,
  predictor: Pick<Predictor, 'name' | 'needs'>,
  config: Pick<ModelConfig, 'architecture' | 'state'>,
): Promise<OpenComputing[]> => {
  const needs = needsOf(chosen, sample);
  const cpu: OpenComputing = async (losses) => {
    const backend = await openWasm(chosen);
    return losses > 0 ? because(backend, afterLoss(losses)) : backend;
  };
  const gpu: OpenComputing = async (losses) => {
    const backend = await (await loadWebgpu()).openGpu(needs);
    return losses > 0 ? because(backend, afterLoss(losses)) : backend;
  };
  if (chosen.backend === 'wasm') return [cpu];
  const why = predictor.needs.host
    ? `the method '${predictor.name}' plans on the CPU`
    : config.state && 'states are kept on the CPU';
  if (why !== undefined) {
    if (chosen.backend === 'webgpu') {
      throw predictor.needs.host ? needsHost(predictor, 'webgpu') : needsRecur(config, 'webgpu');
    }
    return [async () => because(await openWasm(chosen), why)];
  }
  if (chosen.backend === 'webgpu') return [gpu, gpu, cpu];
  const first = await openWasm(chosen);
  const found = await findGpu(needs, first).catch((error) => {
    first.close();
    throw error;
  });
  const opened = found.gpu ?? first;
  if (found.gpu) first.close();
  const taken: OpenComputing = async () => because(opened, found.why);
  return found.gpu ? [taken, gpu, cpu] : [taken];
};
