import { expect, test } from 'vitest';
import { createSpans } from '../../src/generate/spans.js';

test('runs of one kind grow, runs of another begin', () => {
  const spans = createSpans();
  spans.add(100, false);
  spans.add(150, false);
  spans.add(160, true);
  spans.add(300, false);
  expect([...spans]).toEqual([
    { end: 150, exact: false },
    { end: 160, exact: true },
    { end: 300, exact: false },
  ]);
  expect(spans.text).toBe(150);
  expect(spans.at(149)).toMatchObject({ end: 150 });
  expect(spans.at(150)).toMatchObject({ end: 160, exact: true });
});

test('an empty run is none', () => {
  const spans = createSpans();
  spans.add(0, false);
  expect([...spans]).toEqual([]);
  expect(spans.text).toBe(0);
});

test('a text that begins with a question has no shared prefix', () => {
  const spans = createSpans();
  spans.add(10, true);
  spans.add(100, false);
  expect(spans.text).toBe(0);
});

test('rows of text start again at their tile, but not before their run', () => {
  const spans = createSpans();
  spans.add(150, false);
  spans.add(160, true);
  spans.add(300, false);
  expect(spans.tileStart(0)).toBe(0);
  expect(spans.tileStart(149)).toBe(128);
  expect(spans.tileStart(155)).toBe(155);
  expect(spans.tileStart(165)).toBe(160);
  expect(spans.tileStart(299)).toBe(256);
  expect(spans.tileStart(300)).toBe(256);
});

test('cutting drops what lies beyond', () => {
  const spans = createSpans();
  spans.add(150, false);
  spans.add(160, true);
  spans.cut(155);
  expect([...spans]).toEqual([
    { end: 150, exact: false },
    { end: 155, exact: true },
  ]);
  spans.cut(150);
  expect([...spans]).toEqual([{ end: 150, exact: false }]);
  spans.cut(0);
  expect([...spans]).toEqual([]);
});
