import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import type { SupportedType } from '../src/weights/tensor-types.js';
import { type ModelShape, SHAPES, shapeModel } from '../test/support/shape-model.js';

/**
 * Writes a model of a published shape with random weights to build/bench/models and answers its path; what is there
 * already is taken as it is. `changes` replace numbers of the shape, and are part of the file's name.
 */
export const makeModel = (name: string, type: SupportedType, changes: Partial<ModelShape> = {}): string => {
  const known = (SHAPES as Record<string, ModelShape>)[name];
  if (!known) throw new Error(`There is no shape ${name}. Shapes: ${Object.keys(SHAPES).join(', ')}.`);
  const changed = Object.entries(changes).map(([key, value]) => `-${key}${value}`);
  const path = `build/bench/models/${name}${changed.join('')}-${type}.gguf`;
  if (existsSync(path)) return path;
  mkdirSync('build/bench/models', { recursive: true });
  // Renamed when it is whole: what a killed run leaves is not taken for a model.
  const file = openSync(`${path}.part`, 'w');
  for (const piece of shapeModel(name, { ...known, ...changes }, { type })) {
    for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
  }
  closeSync(file);
  renameSync(`${path}.part`, path);
  return path;
};
