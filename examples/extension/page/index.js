// @ts-check
// What the panel puts into a page that it was let into: `longhandPage` of the extension's own world, which the page's
// scripts do not see.
export { readPage } from './read-page.js';
export { showPassage } from './show-passage.js';
