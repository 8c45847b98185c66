import { serveThread } from '../src/backends/wasm/serve-thread.js';

serveThread();
