import type { Tensor, Weight } from '../backend.js';
import type { WasmTensor, WasmWeight } from './device.js';

export { demand, isRouted, isVector, shape } from '../shapes.js';

export const at = (thing: Tensor | Weight): number => (thing as WasmTensor | WasmWeight).start;
