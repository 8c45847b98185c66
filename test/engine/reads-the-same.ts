import { expect } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import { everything } from './everything.js';

/**
 * Reads 900 ids in one piece, in many, with a question in between, and resumed from the model's store, and expects the
 * same pages, chunks, plans and logits each time. Resolves to them.
 */
export const readsTheSame = async (model: OpenModel, ids: readonly number[]) => {
  const { reader, kept } = model;
  const open = (): Context => new Context(reader, createPager(kept!.archive, reader.arena.segmentTokens));

  const one = new Context(reader);
  await one.append(ids, false);
  const expected = await everything(model, one);
  const whole = reader.config.attention.filter(
    ({ window, recurs }) => window === undefined && !recurs,
  ).length;
  expect(expected.pages.length).toBeGreaterThanOrEqual(whole * Math.floor(ids.length / 64));
  one.close();

  for (const cuts of [
    [1, 300],
    [63, 64, 65, 512],
    [100, 301, 600, 620, 640, 660],
  ]) {
    const many = new Context(reader);
    let from = 0;
    for (const cut of [...cuts, ids.length]) {
      await many.append(ids.slice(from, cut), false);
      from = cut;
    }
    expect(await everything(model, many), `cut at ${cuts}`).toEqual(expected);
    many.close();
  }

  const asked = new Context(reader);
  await asked.append(ids.slice(0, 500), false);
  const bookmark = asked.bookmark();
  await asked.append(ids.slice(700, 760), true);
  for (let i = 0; i < 5; i++) {
    await asked.logits();
    asked.push(ids[i]!);
  }
  asked.rewind(bookmark);
  await asked.append(ids.slice(500), false);
  expect(await everything(model, asked), 'a question in between').toEqual(expected);
  asked.close();

  const writer = open();
  await writer.append(ids, false);
  writer.close();
  await kept!.archive.drained();
  const resumed = open();
  await resumed.append(ids, false);
  expect(resumed.meter.reusedTokens).toBe(768);
  expect(await everything(model, resumed), 'resumed').toEqual(expected);
  resumed.close();

  const later = open();
  await later.append(ids.slice(0, 300), false);
  expect(later.meter.reusedTokens).toBe(256);
  await later.append(ids.slice(300), false);
  expect(later.meter.reusedTokens).toBe(768);
  expect(await everything(model, later), 'resumed in pieces').toEqual(expected);
  later.close();
  return expected;
};
