// @ts-check
// A stream may say in a hundred bytes that it unpacks to a hundred gigabytes, and a PDF's reader doubles its array until it
// has all of it. Imported before that reader, this refuses the array that is beyond the limit: its page then fails alone.
import { limits } from './limits.js';

const Plain = globalThis.Uint8Array;
globalThis.Uint8Array = new Proxy(Plain, {
  construct(target, args, asked) {
    const [size] = args;
    if (typeof size === 'number' && size > limits.arrayBytes) {
      throw new RangeError(`An array of ${size} bytes is not needed to read a text.`);
    }
    return Reflect.construct(target, args, asked === globalThis.Uint8Array ? target : asked);
  },
});
