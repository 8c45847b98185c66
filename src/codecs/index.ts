import type { Codec } from './codec.js';
import { f16 } from './f16.js';
import { q2 } from './q2.js';
import { q4 } from './q4.js';
import { q8 } from './q8.js';

/** The codecs by name. */
export const codecs: Readonly<Record<Codec['name'], Codec>> = { f16, q8, q4, q2 };
