import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';

/** The metadata of one architecture, without its prefix, and what it is refused with. */
export interface Numbers {
  readonly architecture: string;
  readonly metadata: Metadata;
  has(key: string): boolean;
  /** A number, or the one number that a list with an entry for every layer repeats. */
  number(key: string, fallback?: number): number;
  /** A number of each layer, or one for all. */
  perLayer(key: string, layers: number): readonly number[];
  /** True for each layer that the list names, or undefined where the file has no list under the key. */
  list(key: string): readonly boolean[] | undefined;
  boolean(key: string, fallback: boolean): boolean;
  string(key: string, fallback: string): string;
  /** The model is sound, but Longhand does not compute it. */
  unsupported(what: string): LonghandError;
  /** The numbers contradict each other. */
  inconsistent(what: string): LonghandError;
}

export const numbersOf = (metadata: Metadata, architecture: string): Numbers => {
  const full = (key: string): string => `${architecture}.${key}`;
  const unsupported = (what: string): LonghandError =>
    new LonghandError(
      'unsupported/architecture',
      `This ${architecture} model ${what}, which Longhand does not compute. Use a model without it.`,
      { architecture },
    );
  const inconsistent = (what: string): LonghandError =>
    new LonghandError(
      'model/corrupt',
      `The numbers of this ${architecture} model do not fit together: ${what}. Convert or download it again.`,
      { architecture },
    );
  return {
    architecture,
    metadata,
    has: (key) => metadata.has(full(key)),
    number: (key, fallback) => {
      if (!metadata.isList(full(key))) return metadata.number(full(key), fallback);
      const list = metadata.numbers(full(key));
      const [first = Number.NaN] = list;
      if (Array.prototype.some.call(list, (one) => one !== first)) {
        throw unsupported(`has another ${key} in some layers than in others`);
      }
      return first;
    },
    perLayer(key, layers) {
      if (!metadata.isList(full(key))) return new Array<number>(layers).fill(metadata.number(full(key)));
      const list = Array.from(metadata.numbers(full(key)), Number);
      if (list.length === layers) return list;
      throw inconsistent(`${key} names ${list.length} of ${layers} layers`);
    },
    list: (key) => (metadata.isList(full(key)) ? metadata.flags(full(key)) : undefined),
    boolean: (key, fallback) => metadata.boolean(full(key), fallback),
    string: (key, fallback) => metadata.string(full(key), fallback),
    unsupported,
    inconsistent,
  };
};
