import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { LonghandError } from '../errors.js';

/** A parsed chat template. */
export interface Template {
  /** Errors: `model/template`; `details.reason` is "limit" where a bound was hit and no other variables can help. */
  render(variables: Readonly<Record<string, unknown>>): string;
}

// A template comes with a file from anywhere, and rendering is synchronous, so everything about it is bounded: by what it
// does, never by a clock, so that what one device takes a slow or busy one takes too. The limits are many times what the
// longest published templates need.
const LONGEST_SOURCE = 1 << 16;
/** The lexer is quadratic in runs of white space. */
const LONGEST_BLANK = 1000;
/** Characters and items of any value, written out. */
const LARGEST_VALUE = 1 << 15;
/** Characters and items of an argument: `replace` and `join` multiply them with the value they work on. */
const LARGEST_ARGUMENT = 1 << 12;
const LARGEST_INDENT = 64;
const LARGEST_NUMBER = 1 << 10;
const DEEPEST_VALUE = 32;
const DEEPEST_CALL = 400;
/** For all renderings of one template. */
const MOST_STEPS = 1 << 16;
const MACRO_STEPS = 256;

type Node = NonNullable<Parameters<Interpreter['evaluate']>[0]>;
type Value = ReturnType<Interpreter['evaluate']>;

/** The fields of syntax nodes that are looked at here. */
interface Call {
  readonly type: string;
  readonly args?: readonly Node[];
  readonly call?: Call;
  readonly filter?: Call;
  readonly value?: Node;
  readonly argument?: Node;
}

const failure = (reason: string, what: string, cause?: unknown): LonghandError =>
  new LonghandError(
    'model/template',
    `The model's chat template cannot be used: ${what}. Use another file of the model, or work with tokens.`,
    { reason },
    { cause },
  );
const limit = (what: string): LonghandError => failure('limit', `it ${what}`);

/** Counts work over all renderings of a template. */
const createBudget = () => {
  let steps = 0;
  return (cost: number): void => {
    steps += cost;
    if (steps > MOST_STEPS) throw limit(`takes more than ${MOST_STEPS} steps`);
  };
};

/** An interpreter whose every value and step is counted. */
class BoundedInterpreter extends Interpreter {
  readonly #spend: (cost: number) => void;
  /** Nodes that stand as arguments, with the largest number they may be. */
  readonly #arguments = new WeakMap<Node, number>();
  #depth = 0;

  constructor(environment: Environment, spend: (cost: number) => void) {
    super(environment);
    this.#spend = spend;
  }

  override evaluate(node: Node | undefined, environment: Environment): Value {
    if (!node) return super.evaluate(node, environment);
    // Defining a macro walks its body, which nothing else counts.
    this.#spend(node.type === 'Macro' || node.type === 'CallStatement' ? MACRO_STEPS : 1);
    const { args, call, filter } = node as Call;
    this.#mark(args ?? call?.args, LARGEST_NUMBER);
    this.#mark(filter?.args, LARGEST_INDENT);
    if (++this.#depth > DEEPEST_CALL) throw limit(`nests deeper than ${DEEPEST_CALL}`);
    try {
      const value = super.evaluate(node, environment);
      const largest = this.#arguments.get(node);
      if (largest !== undefined && typeof value.value === 'number' && Math.abs(value.value) > largest) {
        throw limit(`passes the number ${value.value}, beyond ${largest}`);
      }
      this.#measure(value, largest === undefined ? LARGEST_VALUE : LARGEST_ARGUMENT);
      return value;
    } finally {
      this.#depth--;
    }
  }

  /** Items and characters of a value written out in full: shared parts count each time they appear. */
  #measure(value: Value, most: number, depth = 0): number {
    if (depth > DEEPEST_VALUE) throw limit(`makes a value nested deeper than ${DEEPEST_VALUE}`);
    const content: unknown = value.value;
    let size = 1;
    if (typeof content === 'string') {
      size += content.length;
      this.#spend(content.length >> 6);
    } else if (Array.isArray(content)) {
      this.#spend(content.length);
      for (const item of content) size += this.#measure(item, most - size, depth + 1);
    } else if (content instanceof Map) {
      this.#spend(content.size);
      for (const [key, item] of content) size += key.length + this.#measure(item, most - size, depth + 1);
    }
    if (size > most) throw limit('makes a value that is too large');
    return size;
  }

  #mark(args: readonly Node[] | undefined, largest: number): void {
    for (const arg of args ?? []) {
      const { type, value, argument } = arg as Call;
      const isKeyword = type === 'KeywordArgumentExpression';
      this.#arguments.set((isKeyword ? value : argument) ?? arg, largest);
    }
  }
}

const boundedRange = (first: number, second?: number, step = 1): number[] => {
  const [from, to] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= LARGEST_NUMBER)) throw limit(`counts more than ${LARGEST_NUMBER} in range()`);
  return Array.from({ length }, (_, i) => from + i * step);
};

const refuse = (message: unknown): never => {
  throw failure('refused', `it says "${String(message).slice(0, 200)}"`);
};

const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range: boundedRange,
  raise_exception: refuse,
};

const asFailure = (cause: unknown): LonghandError => {
  if (cause instanceof LonghandError) return cause;
  const isOverflow = cause instanceof RangeError;
  const said = cause instanceof Error ? cause.message : String(cause);
  return failure(isOverflow ? 'limit' : 'failed', `it fails with "${said.slice(0, 200)}"`, cause);
};

/** Errors: `model/template` for syntax errors and sources beyond the limits. */
export const parseTemplate = (source: string): Template => {
  if (source.length > LONGEST_SOURCE)
    throw limit(`is ${source.length} characters long, over ${LONGEST_SOURCE}`);
  for (const [blank] of source.matchAll(/\s+/g)) {
    if (blank.length > LONGEST_BLANK)
      throw limit(`has more than ${LONGEST_BLANK} spaces and newlines in a row`);
  }
  try {
    const program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    const spend = createBudget();
    return {
      render(variables) {
        try {
          const environment = new Environment();
          for (const [name, value] of Object.entries({ ...GLOBALS, ...variables }))
            environment.set(name, value);
          return String(new BoundedInterpreter(environment, spend).run(program).value);
        } catch (cause) {
          throw asFailure(cause);
        }
      },
    };
  } catch (cause) {
    throw asFailure(cause);
  }
};
