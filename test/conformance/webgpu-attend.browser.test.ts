import { makeGpuPages } from './make-gpu.js';
import { describeAttention } from './pages.js';
import { describePasses } from './passes.js';

describeAttention('webgpu', makeGpuPages, { few: true, coded: false });
describePasses('webgpu', (groups) => makeGpuPages({ groups }), [1, 512], { few: true, coded: false });
