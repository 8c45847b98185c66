import { LonghandError } from '../errors.js';
import type { Template } from './template-render.js';

export type Role = 'system' | 'user' | 'assistant';

/** The template's text before, between and after the contents of turns with these roles. */
export type Render = (roles: readonly Role[], thinking: boolean) => string[];

/** How a template may want to be asked, tried in this order. */
export interface Manner {
  /** Contents as lists of parts, as templates of multimodal models demand. */
  readonly parts: boolean;
  /** The date of today; without it templates fall back to a fixed one, and a text's tokens stay the same tomorrow. */
  readonly clock: boolean;
}
export const MANNERS: readonly Manner[] = [
  { parts: false, clock: false },
  { parts: false, clock: true },
  { parts: true, clock: false },
  { parts: true, clock: true },
];

export const hasReason = (cause: unknown, reason: string): boolean =>
  cause instanceof LonghandError && cause.details.reason === reason;

/** What `render` gives, or why it cannot; a hit limit is thrown. */
export const attempt = (render: () => string[]): string[] | LonghandError => {
  try {
    return render();
  } catch (cause) {
    if (!(cause instanceof LonghandError) || hasReason(cause, 'limit')) throw cause;
    return cause;
  }
};

/** What a template is given besides the messages. */
export const variablesOf = (
  manner: Manner,
  variables: Readonly<Record<string, unknown>>,
  clock: (format: unknown) => string,
): Readonly<Record<string, unknown>> => (manner.clock ? { ...variables, strftime_now: clock } : variables);

/** A message with its content as a template wants it. */
export const inManner = <T extends { readonly content: string }>(message: T, { parts }: Manner): object =>
  parts ? { ...message, content: [{ type: 'text', text: message.content }] } : message;

/**
 * Renders turns of these roles with unguessable words for contents, and cuts the text at them. `clock` is `strftime_now`
 * for templates that want it.
 */
export const renderRoles = (
  template: Template,
  roles: readonly Role[],
  manner: Manner,
  variables: Readonly<Record<string, unknown>>,
  clock: (format: unknown) => string,
): string[] => {
  const all = variablesOf(manner, variables, clock);
  // Words of two lengths: a template whose own text depends on its contents shows.
  const [short, long] = [12, 20].map((length) => {
    const words = roles.map(() => unguessable(length));
    const unread = unguessable(length);
    const messages = roles.map((role, i) => {
      const text = words[i]!;
      return { role, content: manner.parts ? [{ type: 'text', text, unread }] : text };
    });
    const text = template.render({ ...all, messages });
    if (text.includes(unread)) throw unusable('it writes contents out as lists of parts');
    return cutAt(text, words, roles);
  });
  if (short!.some((text, i) => text !== long![i])) throw unusable('its text depends on what is said');
  return short!;
};

const unguessable = (bytes: number): string =>
  `x${Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;

const cutAt = (text: string, words: readonly string[], roles: readonly Role[]): string[] => {
  const parts: string[] = [];
  let rest = text;
  for (const [i, word] of words.entries()) {
    const [before, after, again] = rest.split(word);
    if (after === undefined || again !== undefined) {
      const times = text.split(word).length - 1;
      const turn = `the content of turn ${i + 1} (${roles[i]})`;
      throw unusable(
        times === 1
          ? `it moves ${turn}`
          : `it gives ${turn} ${times === 0 ? 'not at all' : `${times} times`}`,
      );
    }
    parts.push(before!);
    rest = after;
  }
  return [...parts, rest];
};

export const unusable = (what: string): LonghandError =>
  new LonghandError(
    'model/template',
    `The model's chat template cannot be used: ${what}. Use another file of the model, or work with tokens.`,
    { reason: 'shape' },
  );
