import { flag, onlyKnown, wholeNumber } from '../options.js';

/** How documents are ranked. */
export interface RankSettings {
  /** Layers [from, to) whose attention counts; those from `to` on are not computed. Default: all. */
  readonly layers?: readonly [from: number, to: number];
  /** Last rows of the question whose attention counts. Default 32. */
  readonly rows?: number;
  /** Positions between the longest document and the question, as far as the model's window reaches. Default 512. */
  readonly distance?: number;
  /** Count only what lies on a token beyond what a question without content lays on it. Default true. */
  readonly calibrate?: boolean;
}

/** The question without content. */
export const EMPTY = 'N/A';

/** Layers [from, to) of `count`; all where they are left out. */
export const checkLayers = (
  [from, to]: readonly (number | undefined)[] = [],
  count: number,
): readonly [number, number] => {
  const first = wholeNumber('layers[0]', from, 0, 0, count - 1);
  return [first, wholeNumber('layers[1]', to, count, first + 1, count)];
};

/** Settings that may be obeyed, all of them said. */
export const checkRank = (settings: RankSettings, count: number): Required<RankSettings> => {
  onlyKnown('rank', settings, ['layers', 'rows', 'distance', 'calibrate']);
  return {
    layers: checkLayers(settings.layers, count),
    rows: wholeNumber('rows', settings.rows, 32, 1),
    distance: wholeNumber('distance', settings.distance, 512, 0),
    calibrate: flag('calibrate', settings.calibrate) ?? true,
  };
};
