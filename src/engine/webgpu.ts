/** What `webgpu.js` brings: a GPU that has been looked at. */
export { openGpu, tryGpu } from './open-gpu.js';
