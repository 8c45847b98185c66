import { afterEach, expect, test, vi } from 'vitest';
import { placeKept } from '../../src/addresses.js';
import { placeOptions } from '../../src/page-engine.js';

afterEach(() => vi.unstubAllGlobals());

test('addresses of files that attention reads and keeps by are those of the page, and nothing else is touched', () => {
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
  const kept = { policy: 'snap-kv', evicted: 'less', kernels: 'k.safetensors' } as const;
  const there = { ...kept, kernels: 'https://example.org/app/k.safetensors' };
  expect(placeOptions({ retention: kept })).toEqual({ retention: there });
  expect(placeKept({ id: 'k.safetensors', retention: kept })).toEqual({
    id: 'k.safetensors',
    retention: there,
  });
  expect(placeOptions({})).toEqual({});
});

test('where there is no page, files are opened by what they are called', () => {
  const options = { retention: { policy: 'h2o', evicted: 'less', kernels: 'k.safetensors' } } as const;
  expect(placeKept(options)).toEqual(options);
});
