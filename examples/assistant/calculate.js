// @ts-check
// A calculator: numbers, + - * / % ^, brackets, a few functions. It reads the expression; nothing is ever run.

const NUMBER = /^\d+(\.\d+)?(e[+-]?\d+)?/i;
const NAME = /^[a-z]+/i;
/** @type {Record<string, (x: number) => number>} */
const FUNCTIONS = { sqrt: Math.sqrt, abs: Math.abs, round: Math.round, ln: Math.log, log: Math.log10 };
/** @type {Record<string, number>} */
const CONSTANTS = { pi: Math.PI, e: Math.E };
/** By how tightly they bind. @type {Record<string, (a: number, b: number) => number>[]} */
const OPERATORS = [
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b },
];
const LONGEST = 200;

/** @param {string} expression throws in words where it is none */
export const calculate = (expression) => {
  let rest = expression
    .replace(/[×·]/g, '*')
    .replace(/÷/g, '/')
    .replace(/−/g, '-')
    .replace(/[\s,_]/g, '');
  if (rest === '' || rest.length > LONGEST)
    throw new Error(`An expression has 1 to ${LONGEST} characters, such as 12*7.`);
  const take = (/** @type {string} */ sign) => {
    if (!rest.startsWith(sign)) return false;
    rest = rest.slice(sign.length);
    return true;
  };
  const taken = (/** @type {RegExp} */ pattern) => {
    const found = pattern.exec(rest)?.[0];
    if (found !== undefined) rest = rest.slice(found.length);
    return found;
  };
  const refuse = () => new Error(`This cannot be calculated: “${rest.slice(0, 20) || expression}”.`);

  /** @returns {number} */
  const atom = () => {
    if (take('-')) return -power();
    if (take('+')) return power();
    if (take('(')) {
      const inside = sum(0);
      if (!take(')')) throw refuse();
      return inside;
    }
    const digits = taken(NUMBER);
    if (digits !== undefined) return Number(digits);
    const before = rest;
    const name = (taken(NAME) ?? '').toLowerCase();
    if (Object.hasOwn(CONSTANTS, name)) return /** @type {number} */ (CONSTANTS[name]);
    if (Object.hasOwn(FUNCTIONS, name) && rest.startsWith('(')) return FUNCTIONS[name]?.(atom()) ?? 0;
    rest = before;
    throw refuse();
  };
  /** @returns {number} */
  const power = () => {
    const low = atom();
    return take('^') ? low ** power() : low;
  };
  /** @param {number} level @returns {number} */
  const sum = (level) => {
    const next = () => (level + 1 < OPERATORS.length ? sum(level + 1) : power());
    let value = next();
    for (;;) {
      const [, apply] = Object.entries(OPERATORS[level] ?? {}).find(([sign]) => take(sign)) ?? [];
      if (!apply) return value;
      value = apply(value, next());
    }
  };
  const value = sum(0);
  if (rest !== '') throw refuse();
  if (!Number.isFinite(value)) throw new Error('That has no finite result.');
  return `${expression.trim()} = ${Number(value.toPrecision(12))}`;
};
