import { ROW_FORMATS, rowBytes, type WeightType } from '../row-formats.js';

/** What a kernel needs to know of a format; `matmul.wgsl` has it as constants, `embed.wgsl` as flags. */
export interface GpuFormat {
  /** Bits of a code, or of an element. */
  readonly bits: 4 | 8 | 16 | 32;
  /** Inputs that share a scale; of elements 1. */
  readonly grain: 1 | 16 | 32;
  readonly curved: boolean;
  readonly minimums: boolean;
  /** Scales are int8, times a factor for every 256 inputs. */
  readonly factors: boolean;
  readonly brain: boolean;
  /** What codes of 4 bits were raised by. */
  readonly plus: 0 | 4 | 8;
}

const plain: GpuFormat = {
  bits: 8,
  grain: 32,
  curved: false,
  minimums: false,
  factors: false,
  brain: false,
  plus: 0,
};

/** The formats of `ROW_FORMATS`. */
export const gpuFormats: Readonly<Record<WeightType, GpuFormat>> = {
  F32: { ...plain, bits: 32, grain: 1 },
  F16: { ...plain, bits: 16, grain: 1 },
  BF16: { ...plain, bits: 16, grain: 1, brain: true },
  Q8_0: plain,
  Q4_0: { ...plain, bits: 4, plus: 8 },
  Q4_1: { ...plain, bits: 4, minimums: true },
  Q5_1: { ...plain, minimums: true },
  IQ4_NL: { ...plain, bits: 4, curved: true },
  Q2_K: { ...plain, bits: 4, grain: 16, minimums: true, factors: true },
  Q3_K: { ...plain, bits: 4, grain: 16, factors: true, plus: 4 },
  Q4_K: { ...plain, bits: 4, minimums: true, factors: true },
  Q5_K: { ...plain, minimums: true, factors: true },
  Q6_K: { ...plain, grain: 16, factors: true },
  IQ4_XS: { ...plain, bits: 4, curved: true, factors: true },
};

/** Rows that stand side by side: a workgroup's threads read a word of each of them at once. */
export const PANEL = 64;

/** Where the words of a slice's rows lie: shaders/lib/weight.wgsl. */
export interface WeightLayout {
  readonly panel: number;
  readonly codeWords: number;
  readonly halfWords: number;
  readonly smallWords: number;
}

export const layoutOf = (type: WeightType, rows: number, cols: number): WeightLayout => {
  const { bits, grain, minimums, factors } = gpuFormats[type];
  const { inputs } = ROW_FORMATS[type];
  const units = cols / inputs;
  const smalls = factors ? units * (inputs / grain) * (minimums ? 2 : 1) : 0;
  return {
    panel: Math.min(PANEL, rows),
    codeWords: Math.ceil((cols * bits) / 32),
    halfWords: grain === 1 ? 0 : minimums ? units : Math.ceil(units / 2),
    smallWords: smalls / 4,
  };
};

/** Bytes of a row in this layout: exactly what was handed over, but for what rounds it up to words. */
export const laidOutBytes = ({ codeWords, halfWords, smallWords }: WeightLayout): number =>
  4 * (codeWords + halfWords + smallWords);

/** `rows` in whole panels. */
export const paneled = ({ panel }: WeightLayout, rows: number): number => Math.ceil(rows / panel) * panel;

/** The eight words of `Layout` in a kernel's parameters, for a slice of so many rows. */
export const layoutWords = (layout: WeightLayout, rows: number): number[] => {
  const { panel, codeWords, halfWords, smallWords } = layout;
  const whole = paneled(layout, rows);
  const halvesAt = whole * codeWords;
  return [panel, codeWords, halfWords, smallWords, halvesAt, halvesAt + whole * halfWords, 0, 0];
};

/** What `pack.wgsl` is told of rows as they are handed over. */
export const rawWords = (type: WeightType, cols: number): number[] => {
  const { bits, minimums, grain, factors } = gpuFormats[type];
  const { inputs, bytes } = ROW_FORMATS[type];
  const size = rowBytes(type, cols);
  const odd = bits === 16 && cols % 2 === 1 ? 0xffff : 0xffffffff;
  if (grain === 1) return [size, 0, Math.ceil((cols * bits) / 32), 0, 0, odd];
  const smalls = factors ? ((inputs / grain) * (minimums ? 2 : 1)) / 4 : 0;
  return [size, bytes, (inputs * bits) / 32, minimums ? 4 : 2, smalls, 0xffffffff];
};
