import { execFileSync } from 'node:child_process';

/** The books that the bundled models learned from. */
export const TRAINING_BOOKS = [
  ...['pride', 'moby', 'frankenstein', 'expectations', 'war_and_peace', 'middlemarch'],
] as const;

/** The text of one of them. Needs `xz`. */
export const trainingBook = (name: string): string =>
  execFileSync('xz', ['-dc', `examples/models/train/corpus/${name}.txt.xz`], {
    maxBuffer: 2 ** 26,
  }).toString();
