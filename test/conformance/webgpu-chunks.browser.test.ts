import { describeChunks } from './chunks.js';
import { makeGpuBackend } from './make-gpu.js';

describeChunks('webgpu', makeGpuBackend, { few: true });
