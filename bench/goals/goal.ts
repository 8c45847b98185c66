import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** How much is measured. */
export interface Effort {
  /** A run that only shows that everything works: short texts, few samples, nothing written into pages. */
  readonly quick: boolean;
  readonly shape: string;
}

/** One finished measurement. */
interface Row {
  readonly date: string;
  readonly seconds: number;
  readonly value: unknown;
}

/** Results of one goal: measured once, kept in bench/results, and measured again only when asked for. */
export interface Results {
  /** The value under `key`, measured now if it is not there. */
  row<T>(key: string, measure: () => Promise<T>): Promise<T>;
  /** What is there, without measuring. */
  get<T>(key: string): T | undefined;
  /** Dates of the rows, the earliest and the latest. */
  readonly dates: string;
}

/** A part of the bench: run alone with `npm run bench -- <name>`. */
export interface Goal {
  readonly name: string;
  /** What it finds out, in a few words. */
  readonly about: string;
  /** Measures what is not there yet; answers the tables for docs/LIMITS.md. */
  measure(results: Results, effort: Effort): Promise<string[]>;
}

export const machine = (): string => `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;

/** Rows of another machine are not kept. `fresh` forgets those of this one too. */
export const openResults = (name: string, effort: Effort, fresh: boolean): Results => {
  const folder = effort.quick ? 'build/bench/quick' : 'bench/results';
  const path = `${folder}/${name}.json`;
  const made = { machine: machine(), node: process.version };
  const found = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const same = found.machine === made.machine && found.node === made.node;
  if (found.machine && !same) console.log(`${path} is of another machine or Node: measuring again.`);
  const rows: Record<string, Row> = same && !fresh ? found.rows : {};
  const save = (): void => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, `${JSON.stringify({ ...made, rows }, null, 1)}\n`);
  };
  return {
    row: async <T>(key: string, measure: () => Promise<T>): Promise<T> => {
      const known = rows[key];
      if (known) return known.value as T;
      process.stdout.write(`  ${name}: ${key} … `);
      const started = performance.now();
      const value = await measure();
      const seconds = Math.round((performance.now() - started) / 100) / 10;
      console.log(`${seconds} s`);
      rows[key] = { date: new Date().toISOString().slice(0, 10), seconds, value };
      save();
      return value;
    },
    get: <T>(key: string) => rows[key]?.value as T | undefined,
    get dates() {
      const dates = Object.values(rows).map(({ date }) => date);
      dates.sort();
      return [...new Set([dates[0], dates.at(-1)])].join(' to ');
    },
  };
};

/** A table in Markdown; the first column is text, the others are numbers. */
export const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] => [
  `| ${head.join(' | ')} |`,
  `|---|${'---:|'.repeat(head.length - 1)}`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
  '',
];

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
export const times = (ratio: number): string => `${ratio.toFixed(2)}×`;
export const least = (values: readonly number[]): number => Math.min(...values);
