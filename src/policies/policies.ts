/** What `policies.js` brings. */
export { createPolicy } from './index.js';
export { createRetention } from './retention.js';
