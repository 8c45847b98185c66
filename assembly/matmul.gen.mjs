// Writes assembly/generated/tiles.ts: the inner loops of `matmul` with every accumulator in a variable of its own.
// AssemblyScript has no arrays in registers, so a tile of 4 rows × 2 vectors has to be spelled out; this spells.
//
// A tile computes `rows` rows × `vectors` · 4 outputs over all inputs. Whatever its shape, an output is the sum over
// blocks, in ascending order, of exact integer dot products times (weight scale · activation scale), or, for F32, the
// sum over inputs in ascending order: so a row comes out the same in every tile.
//
// Loop bodies are short on purpose: engines move all loads of a body to its front, and what then does not fit into 16
// registers is spilled. `unroll` says how many quads (F32: inputs) a body takes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const range = (count) => Array.from({ length: count }, (_, i) => i);
const lines = (count, line) => range(count).map(line).join('\n');
const cells = ({ rows, vectors }, line) =>
  range(rows)
    .flatMap((r) => range(vectors).map((v) => line(r, v)))
    .join('\n');

const nibbles = (lanes, from, shift, masked = true) => {
  const shifted = shift > 0 ? `i16x8.shr_u(${from}, ${shift})` : from;
  return masked ? `v128.and(${shifted}, ${lanes}.splat(15))` : shifted;
};

/**
 * How the codes of a block are read: in passes over quads of inputs, 64 bytes apart. `parts(at)` are the operands of
 * dot products that a quad, `at` bytes on, has for four outputs: one per step of the panel. `outputs` is how many bytes
 * lie between one four outputs and the next.
 */
const types = {
  Q8: {
    blockBytes: 'Q8_BYTES',
    plain: {
      outputs: 8,
      passes: [{ quads: 8, parts: (at) => [0, 32].map((pair) => `v128.load_ext<i8>(codes, ${at + pair})`) }],
    },
    relaxed: { outputs: 16, passes: [{ quads: 8, parts: (at) => [`v128.load(codes, ${at})`] }] },
  },
  Q4: {
    // Low nibbles are quads 0 to 3, high ones 4 to 7. In 16-bit lanes each has inputs 0 and 2, then inputs 1 and 3.
    blockBytes: 'Q4_BYTES',
    plain: {
      outputs: 16,
      passes: [0, 4].map((shift) => ({
        quads: 4,
        parts: (at) => [
          nibbles('i16x8', `v128.load(codes, ${at})`, shift),
          nibbles('i16x8', `v128.load(codes, ${at})`, shift + 8, shift === 0),
        ],
      })),
    },
    relaxed: {
      outputs: 16,
      passes: [0, 4].map((shift) => ({
        quads: 4,
        parts: (at) => [nibbles('i8x16', `v128.load(codes, ${at})`, shift)],
      })),
    },
  },
};

const dots = {
  plain: (sum, x) => `i32x4.add(${sum}, i32x4.dot_i16x8_s(${x}, part))`,
  relaxed: (sum, x) => `i32x4.relaxed_dot_i8x16_i7x16_add_s(${x}, part, ${sum})`,
};

/** One pass over a block: each part of the weights meets its step of every row. */
const pass = (build, { outputs }, { quads, parts }, { rows, vectors, unroll }) => {
  const count = parts(0).length;
  const step = (quad, part) => {
    const number = quad * count + part;
    const x = (r) => `x${number}_${r}`;
    return [
      lines(rows, (r) => `      const ${x(r)} = v128.load32_splat(values, ${4 * (number * rows + r)});`),
      ...range(vectors).map(
        (v) => `      part = ${parts(64 * quad + outputs * v)[part]};
${lines(rows, (r) => `      i${r}_${v} = ${dots[build](`i${r}_${v}`, x(r))};`)}`,
      ),
    ].join('\n');
  };
  return `    for (let quad = 0; quad < ${quads}; quad += ${unroll}) {
${range(unroll)
  .flatMap((quad) => range(count).map((part) => step(quad, part)))
  .join('\n')}
      values += ${4 * unroll * count * rows};
      codes += ${64 * unroll};
    }`;
};

/** Everything is given for a whole tile of 16 outputs; `v` is the first of its four vectors that is computed here. */
const parameters = `
  out: usize, stride: usize, panel: usize, w: usize, v: usize, length: usize, bias: usize, outputs: i32,
`;
const names = parameters.trim().replaceAll(/: \w+/g, '').replace(/,$/, '');
const enter = `  out += v * 16;
  outputs -= <i32>v * 4;
  if (bias) bias += v * 16;`;
const leave = (tile) =>
  cells(
    tile,
    (r, v) => `  put(out + ${r} * stride + ${16 * v}, f${r}_${v}, bias, ${16 * v}, outputs - ${4 * v});`,
  );

const quantised = (name, build, type, tile) => `
// ${tile.rows} × ${tile.vectors * 4} outputs
function ${name}(${parameters}): void {
  let part: v128;
${enter}
${cells(tile, (r, v) => `  let f${r}_${v} = f32x4.splat(0);`)}
  for (let block: usize = 0; block < length; block += 32) {
    let values = panel + ${8 * tile.rows};
    let codes = w + 32 + v * ${type[build].outputs};
${cells(tile, (r, v) => `    let i${r}_${v} = v128.load32_splat(panel, ${4 * r});`)}
${type[build].passes.map((one) => pass(build, type[build], one, tile)).join(`\n    codes = w + 32 + v * ${type[build].outputs};\n`)}
${lines(tile.vectors, (u) => `    const s${u} = scales4(w + v * 8, ${8 * u});`)}
${cells(tile, (r, u) => {
  const scale = `f32x4.mul(s${u}, v128.load32_splat(panel, ${4 * (tile.rows + r)}))`;
  return `    f${r}_${u} = f32x4.add(f${r}_${u}, f32x4.mul(f32x4.convert_i32x4_s(i${r}_${u}), ${scale}));`;
})}
    panel = values;
    w += ${type.blockBytes};
  }
${leave(tile)}
}
`;

/** One function under one name, with a tile of its own in each build. */
const perBuild = (
  name,
  type,
  tile,
) => `${quantised(`${name}Plain`, 'plain', type, tile)}${quantised(`${name}Relaxed`, 'relaxed', type, tile)}
export function ${name}(${parameters}): void {
  if (ASC_FEATURE_RELAXED_SIMD) ${name}Relaxed(${names});
  else ${name}Plain(${names});
}
`;

const inputs = (tile, unroll) =>
  range(unroll)
    .map(
      (at) => `
${lines(tile.rows, (r) => `    const x${at}_${r} = v128.load32_splat(panel, ${4 * (at * tile.rows + r)});`)}
${lines(
  tile.vectors,
  (u) => `    part = v128.load(w, ${64 * at + 16 * u});
${lines(tile.rows, (r) => `    f${r}_${u} = madd(x${at}_${r}, part, f${r}_${u});`)}`,
)}`,
    )
    .join('');

const float = (name, tile) => `
// ${tile.rows} × ${tile.vectors * 4} outputs
export function ${name}(${parameters}): void {
  let part: v128;
${enter}
  w += v * 16;
${cells(tile, (r, u) => `  let f${r}_${u} = f32x4.splat(0);`)}
  for (; length >= ${tile.unroll}; length -= ${tile.unroll}) {${inputs(tile, tile.unroll)}
    panel += ${4 * tile.unroll * tile.rows};
    w += ${64 * tile.unroll};
  }
  for (; length > 0; --length) {${inputs(tile, 1)}
    panel += ${4 * tile.rows};
    w += 64;
  }
${leave(tile)}
}
`;

// The rows and vectors of groups are those of lib/layout.ts.
const source = `// Written by assembly/matmul.gen.mjs: change that file, not this one.
import { Q4_BYTES, Q8_BYTES, scales4 } from '../lib/layout';
import { madd, put } from '../lib/tile';
${[
  perBuild('groupQ8', types.Q8, { rows: 4, vectors: 2, unroll: 1 }),
  perBuild('rowQ8', types.Q8, { rows: 1, vectors: 4, unroll: 1 }),
  perBuild('groupQ4', types.Q4, { rows: 4, vectors: 2, unroll: 1 }),
  perBuild('rowQ4', types.Q4, { rows: 1, vectors: 4, unroll: 1 }),
  float('groupF32', { rows: 4, vectors: 2, unroll: 2 }),
  float('rowF32', { rows: 1, vectors: 4, unroll: 4 }),
].join('')}`;

const target = new URL('./generated/tiles.ts', import.meta.url);
mkdirSync(new URL('./', target), { recursive: true });
if (!existsSync(target) || readFileSync(target, 'utf8') !== source) writeFileSync(target, source);
