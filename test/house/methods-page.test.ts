import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policies } from '../../src/policies/index.js';
import { predictors } from '../support/predictors.js';
import { read, root } from './sources.js';

const page = read('docs/METHODS.md');
const [, section = ''] = /\n## What the papers claim\n([\s\S]*?)\n## /.exec(page) ?? [];

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

/** A line of the table: what it is about, its tests from the root, what is claimed, and what is found. */
const rows = [...section.matchAll(/^\| (.+) \| (.+) \| (.+) \| (.+) \|$/gm)]
  .slice(1)
  .map(([, about = '', tests = '', claim = '', here = '']) => ({
    about,
    names: namesIn(about),
    tests: [...tests.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, file = '']) => file),
    claim,
    here,
  }));

/** What every method that was measured at 3,834 tokens finds beside dense attention, in points. */
const needles = new Map(
  [...page.matchAll(/^\| 3,834 \| (\S+) \| \d+ \| [\d.]+ \| (-?[\d.]+) /gm)].map(([, name = '', points]) => [
    name,
    Number(points),
  ]),
);

describe('what the papers claim', () => {
  test('has a row for every method and every policy, each once', () => {
    const named = rows.flatMap(({ names }) => names);
    const known = [...Object.keys(predictors), ...Object.keys(policies)];
    expect(known.filter((name) => !named.includes(name))).toEqual([]);
    const abouts = rows.map(({ about }) => about);
    expect(abouts).toEqual([...new Set(abouts)]);
  });

  test('names tests that are there, one of which at least asks for the method', () => {
    const idle = rows.filter(
      ({ tests }) => tests.length === 0 || !tests.every((file) => existsSync(join(root, file))),
    );
    expect(idle.map(({ about }) => about)).toEqual([]);
    const strange = rows.filter(({ names: [name = ''], tests }) => {
      const isOption = name in predictors || name in policies;
      return isOption && !tests.some((file) => read(file).includes(`'${name}'`));
    });
    expect(strange.map(({ about }) => about)).toEqual([]);
  });

  test('says a number, that there is none, or that nothing is claimed', () => {
    const vague = rows.filter(({ claim }) => !/\d|no number|^–$|, as above$|^as `/.test(claim));
    expect(vague.map(({ about }) => about)).toEqual([]);
  });

  test('says of nothing that it loses nothing which loses more than a point of the needles', () => {
    const harmless = rows.filter(({ here }) => here.startsWith('loses nothing'));
    expect(harmless.length).toBeGreaterThan(5);
    for (const { about, names, here } of harmless) {
      const measured = [...names, ...namesIn(here)].filter((name) => needles.has(name));
      expect(measured, about).not.toEqual([]);
      for (const name of measured) expect(needles.get(name), name).toBeGreaterThanOrEqual(-1);
    }
  });
});
