import { describeChunks } from './chunks.js';
import { makeGpuBackend } from './make-gpu.js';
import { describeObserve } from './observe.js';

describeChunks('webgpu', makeGpuBackend, { few: true });
describeObserve('webgpu', makeGpuBackend, { few: true });
