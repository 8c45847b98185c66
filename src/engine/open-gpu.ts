import { createWebgpuBackend } from '../backends/webgpu/backend.js';
import type { Sample } from '../backends/webgpu/sample.js';
import { selfTest } from '../backends/webgpu/self-test.js';
import { isFaster, type Speed, trySpeed } from '../backends/webgpu/trial.js';
import { LonghandError } from '../errors.js';
import { createTopShortlist } from '../generate/top-shortlist.js';
import type { KeptTrials, Speeds } from './kept-trials.js';
import type { Computing } from './open-backend.js';

/** What opening a GPU takes of the script that asks for it. */
export interface GpuNeeds {
  readonly shadersUrl: URL;
  /** Bytes that it may take. */
  readonly memory: number;
  /** What is computed on it. */
  readonly sample: Sample;
  readonly kept: Readonly<Record<'speeds' | 'ways', KeptTrials>>;
  /** A CPU that its results are compared with, where none is there yet. */
  openJudge(): Promise<Computing>;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** A GPU that computes what the CPU does, or `unsupported/backend`; `memory/device` where the model does not fit. */
export const openGpu = async (
  { shadersUrl, memory, sample, kept, openJudge }: GpuNeeds,
  cpu?: Computing,
): Promise<Computing> => {
  const { bytes: requested } = sample;
  if (requested > memory) {
    throw new LonghandError(
      'memory/device',
      `The model needs ${mebibytes(requested)} on the GPU before it reads anything; gpuMemory allows ${mebibytes(memory)}. Allow more, use a smaller model, or the CPU.`,
      { requested, available: memory },
    );
  }
  const opened = await createWebgpuBackend({ shadersUrl, memory, keptWays: kept.ways });
  const gpu = Object.assign(opened, { topShortlist: createTopShortlist });
  const judge = cpu ?? (await openJudge());
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
const tried = ({ gpu, cpu }: Speeds): string =>
  `a page of text and a token of an answer would take ${inWords(gpu)} on the GPU, ${inWords(cpu)} on the CPU`;
const faster = (speeds: Speeds): string => `tried: ${tried(speeds)}`;
const slower = (speeds: Speeds): string => `the GPU is slower: ${tried(speeds)}`;

/** The GPU called `name`, where it computes right and is faster than `cpu`; else why not. */
export const tryGpu = async (
  needs: GpuNeeds,
  name: string,
  cpu: Computing,
): Promise<{ readonly gpu?: Computing; readonly why: string }> => {
  let gpu: Computing | undefined;
  try {
    const kept = needs.kept.speeds;
    const what = [name, cpu.build, cpu.threads, needs.sample];
    let speeds = (await kept.get(what)) as Speeds | undefined;
    if (speeds && !isFaster(speeds.gpu, speeds.cpu)) return { why: slower(speeds) };
    gpu = await openGpu(needs, cpu);
    if (!speeds) {
      speeds = { gpu: await trySpeed(gpu, needs.sample), cpu: await trySpeed(cpu, needs.sample) };
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
