import { serveReads } from '../src/kv/serve-reads.js';

serveReads();
