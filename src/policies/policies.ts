/** What `policies.js` brings: the policies, and what few options ask for. */

export { settleKeys } from '../weights/key-divergence.js';
export { narrowKeys } from '../weights/narrow-keys.js';
export { narrowValues } from '../weights/narrow-values.js';
export { notOfOneSession } from './not-of-one-session.js';
export { openPolicy } from './open-policy.js';
export { createRetention } from './retention.js';
