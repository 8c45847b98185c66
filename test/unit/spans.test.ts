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

test('rows that share a plan start again where they share it from', () => {
  const spans = createSpans({ reuse: 8 });
  spans.add(150, false);
  spans.add(175, true);
  expect(spans.tileStart(149)).toBe(128);
  // The run begins inside [144, 152).
  expect(spans.tileStart(151)).toBe(150);
  expect(spans.tileStart(152)).toBe(152);
  expect(spans.tileStart(174)).toBe(168);
  // What follows may be text.
  expect(spans.tileStart(175)).toBe(175);
});

test('a call ends with its run, and with the tile that was begun', () => {
  const spans = createSpans({ reuse: 8 });
  spans.add(150, false);
  spans.add(175, true);
  expect(spans.call(0, 140, 256)).toEqual({ position: 0, rows: 140, tileRows: 64 });
  expect(spans.call(0, 150, 128)).toEqual({ position: 0, rows: 128, tileRows: 64 });
  expect(spans.call(64, 256, 256)).toEqual({ position: 64, rows: 86, tileRows: 64 });
  expect(spans.call(150, 256, 256)).toEqual({ position: 150, rows: 25, tileRows: 8 });
  expect(spans.call(151, 256, 256)).toEqual({ position: 151, rows: 1, tileRows: 8, continues: true });
  expect(spans.call(153, 160, 256)).toEqual({ position: 153, rows: 7, tileRows: 8, continues: true });
  expect(spans.call(172, 256, 256)).toEqual({ position: 172, rows: 3, tileRows: 8, continues: true });
});

test('rows that share candidates have plans of their own, and start again where those were named', () => {
  const spans = createSpans({ refresh: 8 });
  spans.add(150, false);
  spans.add(175, true);
  expect(spans.tileStart(149)).toBe(128);
  expect(spans.tileStart(151)).toBe(150);
  expect(spans.tileStart(174)).toBe(168);
  expect(spans.call(64, 256, 256)).toEqual({ position: 64, rows: 86, tileRows: 64 });
  expect(spans.call(150, 256, 256)).toEqual({ position: 150, rows: 25, tileRows: 1 });
  expect(spans.call(151, 256, 256)).toEqual({ position: 151, rows: 1, tileRows: 1, continues: true });
  expect(spans.call(161, 256, 256)).toEqual({ position: 161, rows: 7, tileRows: 1, continues: true });
});

test('rows of their own are cut where there is no room for more, between groups where one fits; text is not', () => {
  const spans = createSpans({ reuse: 8 });
  spans.add(150, false);
  spans.add(300, true);
  expect(spans.call(0, 150, 256, 3)).toEqual({ position: 0, rows: 150, tileRows: 64 });
  expect(spans.call(150, 300, 512, 40)).toEqual({ position: 150, rows: 34, tileRows: 8 });
  expect(spans.call(184, 300, 512, 40)).toEqual({ position: 184, rows: 40, tileRows: 8 });
  expect(spans.call(184, 300, 512, 3)).toEqual({ position: 184, rows: 3, tileRows: 8 });
  expect(spans.call(187, 300, 512, 3)).toEqual({ position: 187, rows: 3, tileRows: 8, continues: true });
  expect(spans.call(190, 300, 512, 3)).toEqual({ position: 190, rows: 2, tileRows: 8, continues: true });
});

test('text ends with its segment; rows of their own go on beyond it, but not beyond the edge', () => {
  const spans = createSpans({ edge: 512 });
  spans.add(200, false);
  spans.add(800, true);
  expect(spans.call(100, 800, 128)).toEqual({ position: 100, rows: 28, tileRows: 64 });
  expect(spans.call(200, 800, 256)).toEqual({ position: 200, rows: 256, tileRows: 1 });
  expect(spans.call(456, 800, 256)).toEqual({ position: 456, rows: 56, tileRows: 1 });
  expect(spans.call(512, 800, 256)).toEqual({ position: 512, rows: 256, tileRows: 1 });
  expect(spans.call(768, 800, 256)).toEqual({ position: 768, rows: 32, tileRows: 1 });
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
