import { grouped } from './grouped.js';

/** Four bits a channel, two channels a byte: `grouped`. */
export const q4 = grouped('q4', 4);
