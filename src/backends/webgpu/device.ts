import { LonghandError } from '../../errors.js';
import type { Tensor, Weight } from '../backend.js';
import { type Buffers, createBuffers, type GpuBuffer } from './buffers.js';
import { type Failures, failuresOf } from './failures.js';
import { createPipelines, type Pipelines } from './pipelines.js';
import { createRecorder, type Recorder } from './recorder.js';
import { type GpuGranted, type GpuOptions, requestGpu } from './request.js';

/** What all verbs share. */
export interface GpuDevice {
  readonly granted: GpuGranted;
  readonly failures: Failures;
  readonly buffers: Buffers;
  readonly pipelines: Pipelines;
  readonly recorder: Recorder;
  /** Bound where a kernel has a binding that a call does not need; never one that is written. */
  readonly nothing: GpuBuffer;
  close(): void;
}

/** A tensor in a buffer, from element `at` on. Buffers are bound whole, so a view may begin anywhere. */
export interface GpuTensor extends Tensor {
  readonly buffer: GpuBuffer;
  readonly at: number;
  release(): void;
}

/** Whole panels of a weight's rows in a buffer of their own. */
export interface WeightSlice {
  readonly buffer: GpuBuffer;
  readonly from: number;
  readonly rows: number;
}

export interface GpuWeight extends Weight {
  readonly slices: readonly WeightSlice[];
  release(): void;
}

export const bufferOf = (tensor: Tensor): GpuBuffer => (tensor as GpuTensor).buffer;
export const startOf = (tensor: Tensor): number => (tensor as GpuTensor).at;
export const slicesOf = (weight: Weight): readonly WeightSlice[] => (weight as GpuWeight).slices;

/** Ask for an adapter and a device; nothing is compiled yet. */
export const openGpu = async (options: GpuOptions): Promise<GpuDevice> => {
  const granted = await requestGpu(options);
  const { device } = granted;
  const failures = failuresOf(device);
  const buffers = createBuffers(granted, failures);
  const pipelines = createPipelines(granted, options.shaders, failures);
  const recorder = createRecorder(device, buffers, pipelines, failures);
  return {
    granted,
    failures,
    buffers,
    pipelines,
    recorder,
    nothing: buffers.take('nothing', 4, 'activations'),
    close: () => {
      failures.report(new LonghandError('engine/closed', 'The backend was closed.'));
      device.destroy();
    },
  };
};
