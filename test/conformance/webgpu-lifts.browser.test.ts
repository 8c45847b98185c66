import { describeLifts } from './lifts.js';
import { makeGpuBackend } from './make-gpu.js';

describeLifts('webgpu', makeGpuBackend, { few: true, coded: false });
