// @ts-check
// The model that comes with the page. It is a yardstick: it knows no tools, and forms only by being held to them.
import { desk } from '../reader/desk.js';

export const BUNDLED = new URL('../models/book-reader-5m-Q8_0.gguf', document.baseURI).href;
export const isBundled = () => desk.source === BUNDLED;
