// Writes assembly/generated/tiles.ts: the inner loops of `matmul` with every accumulator in a variable of its own.
// AssemblyScript has no arrays in registers, so a tile of 8 × 1 or 4 × 2 vectors has to be spelled out; this spells.
//
// A tile computes `rows` rows × `vectors` · 4 outputs over all inputs. Whatever its shape, an output is the sum over
// blocks, in ascending order, of exact integer dot products times (weight scale · activation scale), or, for F32, the
// sum over inputs in ascending order: so a row comes out the same in every tile.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const range = (count) => Array.from({ length: count }, (_, i) => i);
const lines = (count, line) => range(count).map(line).join('\n');
const cells = ({ rows, vectors }, line) =>
  range(rows)
    .flatMap((r) => range(vectors).map((v) => line(r, v)))
    .join('\n');

/** Broadcast of 4 bytes of activations: step `step` of row r. Codes follow the first values and the scales. */
const codes = ({ rows }, step, r) => `v128.load32_splat(panel, ${8 * rows + 4 * (step * rows + r)})`;

/** Add the products of one register of weights, `name`, with step `step` of every row. */
const plainDots = (tile, v, step, name) =>
  lines(
    tile.rows,
    (r) => `    i${r}_${v} = i32x4.add(i${r}_${v}, i32x4.dot_i16x8_s(${name}, ${codes(tile, step, r)}));`,
  );

const relaxedDots = (tile, v, step, name) =>
  lines(tile.rows, (r) => {
    const dot = `i32x4.relaxed_dot_i8x16_i7x16_add_s(${codes(tile, step, r)}, ${name}, i${r}_${v})`;
    return `    i${r}_${v} = ${dot};`;
  });

/** What one quad of inputs (16 bytes of weights per vector) adds: Q8_0. */
const q8 = {
  quads: 8,
  bytes: 'Q8_BYTES',
  plain: (tile, s, v) => `
    w = v128.load(codes, ${s * 64 + v * 16});
    part = i16x8.shr_s(i16x8.shl(w, 8), 8);
${plainDots(tile, v, 2 * s, 'part')}
    part = i16x8.shr_s(w, 8);
${plainDots(tile, v, 2 * s + 1, 'part')}`,
  relaxed: (tile, s, v) => `
    w = v128.load(codes, ${s * 64 + v * 16});
${relaxedDots(tile, v, s, 'w')}`,
};

/** Q4_0: low nibbles are quad s, high nibbles quad s + 4. In 16-bit lanes: inputs 0 and 2 of a quad, then 1 and 3. */
const q4 = {
  quads: 4,
  bytes: 'Q4_BYTES',
  plain: (tile, s, v) => `
    w = v128.load(codes, ${s * 64 + v * 16});
    part = v128.and(w, i16x8.splat(15));
${plainDots(tile, v, 2 * s, 'part')}
    part = v128.and(i16x8.shr_u(w, 4), i16x8.splat(15));
${plainDots(tile, v, 2 * s + 8, 'part')}
    part = v128.and(i16x8.shr_u(w, 8), i16x8.splat(15));
${plainDots(tile, v, 2 * s + 1, 'part')}
    part = i16x8.shr_u(w, 12);
${plainDots(tile, v, 2 * s + 9, 'part')}`,
  relaxed: (tile, s, v) => `
    w = v128.load(codes, ${s * 64 + v * 16});
    part = v128.and(w, i8x16.splat(15));
${relaxedDots(tile, v, s, 'part')}
    part = v128.and(i16x8.shr_u(w, 4), i8x16.splat(15));
${relaxedDots(tile, v, s + 4, 'part')}`,
};

const store = (tile) =>
  cells(
    tile,
    (r, v) => `  put(out + ${r} * stride + ${16 * v}, f${r}_${v}, bias, ${16 * v}, outputs - ${4 * v});`,
  );

/** Everything is given for a whole tile of 16 outputs; `v` is the first of its four vectors that is computed here. */
const parameters = `
  out: usize, stride: usize, panel: usize, w: usize, v: usize, length: usize, bias: usize, outputs: i32,
`;
const enter = `  out += v * 16;
  outputs -= <i32>v * 4;
  if (bias) bias += v * 16;`;

const quantised = (name, build, type, tile) => `
// ${tile.rows} × ${tile.vectors * 4} outputs
function ${name}(${parameters}): void {
  let part: v128;
${enter}
  let scales = w + v * 8;
  let codes = w + 32 + v * 16;
${cells(tile, (r, v) => `  let f${r}_${v} = f32x4.splat(0);`)}
  for (let b: usize = 0; b < length; b += 32) {
    let w: v128;
${cells(tile, (r, v) => `    let i${r}_${v} = v128.load32_splat(panel, ${4 * r});`)}
${range(type.quads)
  .flatMap((s) => range(tile.vectors).map((v) => type[build](tile, s, v)))
  .join('')}
${lines(tile.vectors, (v) => `    const s${v} = scales4(scales + ${8 * v});`)}
${cells(tile, (r, v) => {
  const scale = `f32x4.mul(s${v}, v128.load32_splat(panel, ${4 * (tile.rows + r)}))`;
  return `    f${r}_${v} = f32x4.add(f${r}_${v}, f32x4.mul(f32x4.convert_i32x4_s(i${r}_${v}), ${scale}));`;
})}
    panel += ${tile.rows} * PANEL_BLOCK;
    scales += ${type.bytes};
    codes += ${type.bytes};
  }
${store(tile)}
}
`;

const floatStep = (tile, at) => `
${lines(tile.rows, (r) => `    const x${at}_${r} = v128.load32_splat(panel, ${4 * (at * tile.rows + r)});`)}
${range(tile.vectors)
  .map(
    (v) => `    part = v128.load(w, ${64 * at + 16 * v});
${lines(tile.rows, (r) => `    f${r}_${v} = madd(x${at}_${r}, part, f${r}_${v});`)}`,
  )
  .join('\n')}`;

const float = (name, tile, unroll = 4) => `
// ${tile.rows} × ${tile.vectors * 4} outputs
export function ${name}(${parameters}): void {
  let part: v128;
${enter}
  w += v * 16;
${cells(tile, (r, v) => `  let f${r}_${v} = f32x4.splat(0);`)}
  for (; length >= ${unroll}; length -= ${unroll}) {${range(unroll)
    .map((at) => floatStep(tile, at))
    .join('')}
    panel += ${4 * unroll * tile.rows};
    w += ${64 * unroll};
  }
  for (; length > 0; --length) {${floatStep(tile, 0)}
    panel += ${4 * tile.rows};
    w += 64;
  }
${store(tile)}
}
`;

const names = parameters.trim().replaceAll(/: \w+/g, '').replace(/,$/, '');

/** One function under one name, with a tile of its own in each build. */
const perBuild = (
  name,
  type,
  plain,
  relaxed,
) => `${quantised(`${name}Plain`, 'plain', type, plain)}${quantised(`${name}Relaxed`, 'relaxed', type, relaxed)}
export function ${name}(${parameters}): void {
  if (ASC_FEATURE_RELAXED_SIMD) ${name}Relaxed(${names});
  else ${name}Plain(${names});
}
`;

// The sizes of groups are those of lib/layout.ts.
const source = `// Written by assembly/matmul.gen.mjs: change that file, not this one.
import { PANEL_BLOCK, Q4_BYTES, Q8_BYTES, scales4 } from '../lib/layout';
import { madd, put } from '../lib/tile';
${[
  perBuild('groupQ8', q8, { rows: 8, vectors: 1 }, { rows: 4, vectors: 2 }),
  perBuild('rowQ8', q8, { rows: 1, vectors: 4 }, { rows: 1, vectors: 4 }),
  perBuild('groupQ4', q4, { rows: 8, vectors: 1 }, { rows: 4, vectors: 2 }),
  perBuild('rowQ4', q4, { rows: 1, vectors: 4 }, { rows: 1, vectors: 4 }),
  float('groupF32', { rows: 4, vectors: 2 }),
  float('rowF32', { rows: 1, vectors: 4 }),
].join('')}`;

const target = new URL('./generated/tiles.ts', import.meta.url);
mkdirSync(new URL('./', target), { recursive: true });
if (!existsSync(target) || readFileSync(target, 'utf8') !== source) writeFileSync(target, source);
