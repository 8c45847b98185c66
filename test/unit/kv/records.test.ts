import { describe, expect, test } from 'vitest';
import { PAGE } from '../../../src/backends/backend.js';
import { digest } from '../../../src/kv/digest.js';
import {
  decodeHead,
  decodeRecord,
  encodeHead,
  encodeRecord,
  isHeadOf,
  layerGroups,
  recordGroups,
} from '../../../src/kv/records.js';
import { randomRun } from '../../support/kv-records.js';
import { random } from '../../support/random.js';

const groups = [{ from: 0, to: 2, pages: { from: 0, to: 1 } }];
const run = randomRun([7, 8, 9], 3, groups, [16, 5], 1);
const small = run.records[0]!;
const { head } = run;

/** Both kinds, each with what reads and writes it. */
const kinds = [
  ['a record', encodeRecord(small), small, decodeRecord],
  ['a head', encodeHead(head), head, decodeHead],
] as const;

/** Gives changed bytes a checksum that fits, as one who means harm would. */
const resealed = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.length - 16;
  bytes.set(new Uint8Array(digest(bytes.subarray(0, end)).buffer), end);
  return bytes;
};

describe.each(kinds)('%s', (_name, bytes, wanted, decode) => {
  test('comes back as it was, at any offset', () => {
    for (let offset = 0; offset < 5; offset++) {
      const moved = new Uint8Array(bytes.length + offset);
      moved.set(bytes, offset);
      expect(decode(moved.subarray(offset))).toEqual({ found: wanted });
    }
  });

  test('is found damaged whichever byte changes, and however', () => {
    const changed = bytes.slice();
    const draw = random(3);
    for (let i = 0; i < bytes.length; i++) {
      for (const flip of [1, 128, 255, 1 + draw.below(255)]) {
        changed[i]! ^= flip;
        expect(decode(changed).fault, `byte ${i} ^ ${flip}`).toBeTypeOf('string');
        changed[i]! ^= flip;
      }
    }
    expect(decode(changed).found).toEqual(wanted);
  });

  test('is found damaged when it is cut short or grown', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(decode(bytes.slice(0, length)).fault, `${length} bytes`).toBeTypeOf('string');
    }
    for (const more of [1, 4, 16]) {
      const grown = new Uint8Array(bytes.length + more);
      grown.set(bytes);
      expect(decode(grown).fault).toBeTypeOf('string');
    }
  });

  test('of random bytes, or of the other kind, is a fault', () => {
    const draw = random(5);
    for (let round = 0; round < 200; round++) {
      expect(decode(draw.bytes(4 * draw.below(64))).fault).toBeTypeOf('string');
    }
    for (const [, other] of kinds) if (other !== bytes) expect(decode(other).fault).toMatch(/magic/);
  });

  test('of another version says so', () => {
    const newer = bytes.slice();
    newer[4] = 9;
    expect(decode(resealed(newer)).fault).toBe('its format is 9 and this one reads 2');
  });
});

describe('hostile numbers with a checksum that fits', () => {
  // Counting out what such a header claims would take minutes and all memory.
  const hostile = [0, 1, 2, 3, 63, 64, 129, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
  const changed = function* (encode: () => Uint8Array<ArrayBuffer>) {
    const words = encode().length >> 2;
    for (let word = 0; word < words - 4; word++) {
      for (const value of hostile) {
        const bytes = encode();
        new Uint32Array(bytes.buffer)[word] = value;
        yield resealed(bytes);
      }
    }
  };

  test('in a record are a fault or consistent', () => {
    for (const bytes of changed(() => encodeRecord(small))) {
      const { found, fault } = decodeRecord(bytes);
      if (!found) {
        expect(fault).toBeTypeOf('string');
        continue;
      }
      const { layers, pages } = found;
      expect(pages.length).toBe(layers.to - layers.from);
      for (const layer of pages) expect(layer.length).toBe(pages[0]!.length);
    }
  });

  test('in a head are a fault or consistent', () => {
    for (const bytes of changed(() => encodeHead(head))) {
      const { found, fault } = decodeHead(bytes);
      if (!found) expect(fault).toBeTypeOf('string');
      else expect(12 + 4 * found.tokens.length + found.chunks.length).toBeLessThanOrEqual(bytes.length - 32);
    }
  });
});

test('a head belongs to the tokens it names', () => {
  const ids = Array.from({ length: 3 * PAGE + 3 }, (_, i) => i);
  ids.splice(3 * PAGE, 3, 7, 8, 9);
  expect(isHeadOf(head, ids)).toBe(true);
  expect(isHeadOf(head, [...ids.slice(0, -1), 10])).toBe(false);
  expect(isHeadOf(head, ids.slice(0, -1))).toBe(false);
  expect(isHeadOf({ ...head, firstPage: 2 }, ids)).toBe(false);
});

describe('layer groups', () => {
  test('cover every layer once, in order, nearly equal', () => {
    for (const layers of [1, 2, 3, 7, 16, 18, 28, 61]) {
      for (const bytes of [1, 1000, 30_000, 200_000, 500_000, 3_000_000]) {
        const groups = layerGroups(layers, bytes);
        expect(groups[0]!.from).toBe(0);
        expect(groups.at(-1)!.to).toBe(layers);
        for (const [n, { from }] of groups.entries()) if (n > 0) expect(from).toBe(groups[n - 1]!.to);
        const sizes = groups.map(({ from, to }) => to - from);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        if (Math.max(...sizes) > 1) expect(Math.max(...sizes) * bytes).toBeLessThanOrEqual(36 * 1024);
      }
    }
  });

  test('are near 24 KB where the layers allow it, and as asked otherwise', () => {
    for (const aim of [undefined, 256 * 1024]) {
      for (const { from, to } of layerGroups(28, 8320, aim)) {
        expect((to - from) * 8320).toBeGreaterThan(0.5 * (aim ?? 24 * 1024));
        expect((to - from) * 8320).toBeLessThan(1.5 * (aim ?? 24 * 1024));
      }
    }
    expect(layerGroups(28, 133_120)).toHaveLength(28);
  });
});

test('the records of a run hold every page of every layer once, near 24 KB where pages are smaller', () => {
  for (const layers of [1, 3, 28]) {
    for (const pages of [1, 2, 3, 4, 16]) {
      for (const bytes of [100, 1000, 9000, 16_896, 25_344, 133_120]) {
        const groups = recordGroups(layers, bytes, pages);
        const held = groups.flatMap(({ from, to, pages: own }) =>
          Array.from({ length: to - from }, (_, n) => from + n).flatMap((layer) =>
            Array.from({ length: own.to - own.from }, (_, n) => layer * pages + own.from + n),
          ),
        );
        expect(held.sort((a, b) => a - b)).toEqual(Array.from({ length: layers * pages }, (_, n) => n));
        const sizes = groups.map(({ from, to, pages: own }) => (to - from) * (own.to - own.from));
        if (Math.max(...sizes) > 1) expect(Math.max(...sizes) * bytes).toBeLessThanOrEqual(40 * 1024);
      }
    }
  }
});
