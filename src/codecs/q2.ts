import { grouped } from './grouped.js';

/** Two bits a channel, four channels a byte, of values only: `grouped`. */
export const q2 = grouped('q2', 2);
