/**
 * What reading a text and answering from it will cost on this device, before it is done: measure a model once, then ask for
 * any length.
 *
 * @module
 */
export { answerSeconds, type Costs, type Reads, readSeconds } from './costs.js';
export { measure } from './measure.js';
export type { PageCodecs, PageCosts } from './memory.js';
export { type Forecast, type Purpose, plan } from './plan.js';
