import { expect } from 'vitest';
import { type Backend, tileCount } from '../../src/backends/backend.js';
import { type GpuAttendOptions, gpuAttend } from '../../src/backends/webgpu/attend.js';
import { gpuChunks } from '../../src/backends/webgpu/chunks.js';
import { type GpuDevice, openGpu } from '../../src/backends/webgpu/device.js';
import { gpuLinear } from '../../src/backends/webgpu/linear.js';
import { gpuMatmul } from '../../src/backends/webgpu/matmul.js';
import { gpuPages } from '../../src/backends/webgpu/pages.js';
import { type GpuPlan, planContents, shapePlan } from '../../src/backends/webgpu/plan-buffer.js';
import { gpuPlans } from '../../src/backends/webgpu/plans.js';
import type { GpuOptions } from '../../src/backends/webgpu/request.js';
import { gpuTensors } from '../../src/backends/webgpu/tensors.js';
import { gpuTopLogits } from '../../src/backends/webgpu/top-logits.js';
import { gpuWeights } from '../../src/backends/webgpu/weights.js';
import { shareGpu } from '../support/share-gpu.js';
import type { LinearVerbs } from './linear.js';
import type { PagesUnderTest } from './make-pages.js';

/** Gives devices that compile for themselves. */
export const unshareGpu = shareGpu();

/** As `node build.mjs shaders` made it. */
const shadersUrl = new URL('../../dist/shaders.json', import.meta.url);

export const openTestGpu = async (options: Partial<GpuOptions> = {}): Promise<GpuDevice> =>
  openGpu({ shaders: await (await fetch(shadersUrl)).json(), ...options });

export const linearOn = (device: GpuDevice) => ({
  ...gpuTensors(device),
  ...gpuWeights(device),
  ...gpuLinear(device),
  ...gpuMatmul(device),
  ...gpuTopLogits(device),
});

/** What a device has until there is a whole backend. */
export const makeGpuLinear = async (options: Partial<GpuOptions> = {}): Promise<LinearVerbs> =>
  linearOn(await openTestGpu(options));

/** Every verb, on a device of its own whose pipelines are compiled when they are first used. */
export const makeGpuBackend = async (): Promise<Backend> => {
  const device = await openTestGpu();
  return {
    ...{ name: 'webgpu', build: 'wgsl' },
    ...linearOn(device),
    ...gpuTensors(device),
    ...gpuPages(device),
    ...gpuChunks(device),
    ...gpuAttend(device),
  };
};

/** Pages and attention alone, with plans written by hand instead of selected. */
export const makeGpuPages = async (options: GpuAttendOptions = {}): Promise<PagesUnderTest> => {
  const device = await openTestGpu();
  const pages = gpuPages(device);
  const plans = gpuPlans(device, () => expect.fail('There are no scores.'));
  return {
    ...gpuTensors(device),
    ...pages,
    ...gpuAttend(device, options),
    makePlan(lists, tiles, rows, lifts) {
      const plan = plans.plan('test', lists) as GpuPlan;
      const most = Math.max(...rows.map((ranges) => ranges.length));
      const buffer = shapePlan(device, plan, tiles, most, !!lifts);
      expect(rows).toHaveLength(lists * tileCount(tiles));
      device.recorder.write(buffer, 0, new Uint8Array(planContents(plan, rows, lifts).buffer));
      return plan;
    },
    losePage: (kv, page) => pages.dropPages(kv, [page]),
  };
};
