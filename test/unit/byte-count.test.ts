import { expect, test } from 'vitest';
import { byteCount } from '../../src/options.js';

test('bytes are a number, or a number with a unit', () => {
  for (const [found, bytes] of [
    [undefined, undefined],
    [0, 0],
    [12.7, 12],
    ['512', 512],
    ['2GB', 2e9],
    ['2 gb', 2e9],
    ['1.5MB', 1_500_000],
    ['64MiB', 64 * 2 ** 20],
    ['1TiB', 2 ** 40],
    ['3kb', 3000],
  ] as const) {
    expect(byteCount('kv.disk', found)).toBe(bytes);
  }
});

test('anything else is refused', () => {
  for (const found of [
    '',
    'GB',
    '2 bytes',
    '-1MB',
    '1e9',
    '2G',
    -1,
    Number.NaN,
    Infinity,
    null,
    {},
    true,
    '9e99TB',
  ]) {
    expect(() => byteCount('kv.disk', found), String(found)).toThrow(
      expect.objectContaining({ code: 'input/option' }),
    );
  }
  expect(() => byteCount('kv.disk', '1MB', 2e6)).toThrow(/from 2000000 on/);
});
