import { expect, test } from 'vitest';
import type { Range } from '../../src/backends/backend.js';
import { checkPlan } from '../../src/backends/check-plan.js';

const tiles = { position: 100, rows: 70, tileRows: 64 };
const good: Range[][] = [
  [[0, 128]],
  [
    [3, 9],
    [128, 170],
  ],
];

test('a plan as it should be passes', () => {
  expect(() => checkPlan(1, tiles, good)).not.toThrow();
  expect(() => checkPlan(2, tiles, [...good, ...good])).not.toThrow();
});

test.each<[string, Range[]]>([
  ['does not end', [[0, 127]]],
  ['does not end', [[0, 129]]],
  ['does not end', [[101, 128]]],
  [
    'is empty',
    [
      [5, 5],
      [90, 128],
    ],
  ],
  [
    'ascending',
    [
      [5, 9],
      [9, 128],
    ],
  ],
  [
    'ascending',
    [
      [50, 60],
      [5, 9],
      [90, 128],
    ],
  ],
  ['ascending', [[-1, 128]]],
  ['whole tokens', [[0.5, 128]]],
  ['does not end', []],
])('what %s is refused: %j', (fault, ranges) => {
  expect(() => checkPlan(1, tiles, [ranges, good[1]!])).toThrow(
    expect.objectContaining({ code: 'internal', message: expect.stringContaining(fault) }),
  );
});

test('rows that are missing are counted', () => {
  expect(() => checkPlan(2, tiles, good)).toThrow('2 × 2 rows was written with 2');
});
