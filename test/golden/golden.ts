/** What was recorded, and the files it was recorded from. */
import { readFileSync } from 'node:fs';

/** What llama.cpp makes of a token sequence. */
export interface Reading {
  /** Name of the model. */
  readonly model: string;
  /** SHA-256 of the model's file. */
  readonly sha256: string;
  /** Name of the prompt, where the ids are one. */
  readonly prompt?: string;
  readonly ids: readonly number[];
  /** Indexes into `ids`, ascending, the last one included: after each of them the next token was looked at. */
  readonly at: readonly number[];
  /** For each of `at`: the 20 likeliest next tokens as id, natural log-probability, id, … */
  readonly top: readonly (readonly number[])[];
  /** The greedy continuation of `ids`, stop tokens included, and by how many logits each token led the second. */
  readonly greedy: { readonly ids: readonly number[]; readonly margins: readonly number[] };
}

export interface Golden {
  /** Versions and settings of llama.cpp. */
  readonly recordedWith: Readonly<Record<string, string | number | boolean>>;
  readonly readings: readonly Reading[];
}

/** Token ids of texts, by tokenizer. Texts never yield control tokens, and nothing is put before or behind them. */
export interface GoldenTokens {
  readonly recordedWith: Readonly<Record<string, string | number | boolean>>;
  readonly texts: readonly string[];
  /** For each model: the ids of each of `texts`. */
  readonly models: readonly {
    readonly model: string;
    readonly sha256: string;
    readonly ids: readonly (readonly number[])[];
  }[];
}

const recorded = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

export const readGolden = (): Golden => recorded('llama.json') as Golden;
export const readGoldenTokens = (): GoldenTokens => recorded('tokens.json') as GoldenTokens;
