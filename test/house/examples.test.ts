import { expect, test } from 'vitest';
import { filesUnder, read } from './sources.js';

test('no example writes HTML or runs text: what comes from documents and models is only ever text', () => {
  const scripts = filesUnder('examples').filter((file) => /\.(js|mjs|html)$/.test(file));
  expect(scripts.length).toBeGreaterThan(30);
  const writing =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|createContextualFragment|\beval\(|new Function\(|srcdoc/;
  expect(scripts.filter((file) => writing.test(read(file)))).toEqual([]);
});
