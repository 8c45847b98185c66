/** What `policies.js` brings. */
export { estimateHeads } from './estimate-heads.js';
export { createPolicy } from './index.js';
export { createRetention } from './retention.js';
