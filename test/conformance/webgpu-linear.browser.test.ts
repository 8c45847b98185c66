import { describeLinear } from './linear.js';
import { makeGpuLinear } from './make-gpu.js';

describeLinear('webgpu', makeGpuLinear, { flushes: true, most: 1 << 15 });
