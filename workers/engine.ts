import { createLocalEngine } from '../src/engine/local.js';
import { serve } from '../src/engine/serve.js';

serve(createLocalEngine());
