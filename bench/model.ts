/**
 * A model of a published shape with random weights, and where it was put:
 * `node bench/run.mjs model smollm2-135m Q8_0 window=40000`
 */
import type { SupportedType } from '../src/weights/tensor-types.js';
import { makeModel } from './make-model.js';

const [shape = 'smollm2-135m', type = 'Q8_0', ...changes] = process.argv.slice(2);
const numbers = changes.map((change) => change.split('=')).map(([key, value]) => [key, Number(value)]);
console.log(makeModel(shape, type as SupportedType, Object.fromEntries(numbers)));
