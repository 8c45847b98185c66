export { createWebgpuBackend } from '../backends/webgpu/backend.js';
