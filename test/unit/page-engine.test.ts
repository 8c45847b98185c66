import { afterEach, expect, test, vi } from 'vitest';
import { placeOptions } from '../../src/page-engine.js';

afterEach(() => vi.unstubAllGlobals());

test('addresses of files that attention reads are those of the page, and nothing else of it is touched', () => {
  vi.stubGlobal('location', { href: 'https://example.org/app/index.html' });
  const bytes = new Uint8Array(3);
  const placed = (attention: object) => placeOptions({ attention: attention as never }).attention;
  expect(placed({ method: 'dhsa', boundaries: 'learned', predictor: '../b.safetensors' })).toEqual({
    ...{ method: 'dhsa', boundaries: 'learned' },
    predictor: 'https://example.org/b.safetensors',
  });
  expect(placed({ method: 'seer', gates: 'g.safetensors' })).toEqual({
    method: 'seer',
    gates: 'https://example.org/app/g.safetensors',
  });
  expect(placed({ method: 'seer', gates: bytes })).toEqual({ method: 'seer', gates: bytes });
  expect(placeOptions({})).toEqual({});
});
