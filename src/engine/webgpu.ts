export { createWebgpuBackend } from '../backends/webgpu/backend.js';
export { selfTest } from '../backends/webgpu/self-test.js';
export { isFaster, trySpeed } from '../backends/webgpu/trial.js';
export { createTopShortlist } from '../generate/top-shortlist.js';
