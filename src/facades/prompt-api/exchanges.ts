import type { Exchange, Message } from '../../index.js';

/** Longer ones are read at once, as text that any session finds again by its content. */
export const LONG_TEXT = 2000;
/** What stands for a turn of the user's without text: a session has no empty questions. */
export const BLANK = ' ';

export const joined = (a: string, b: string): string => (a === '' || b === '' ? a + b : `${a}\n\n${b}`);

/** The lines before the last, and the last one; nothing of a short text. */
export const splitText = (text: string): readonly [string, string] => {
  const at = text.length > LONG_TEXT ? text.trimEnd().lastIndexOf('\n') : -1;
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : ['', text];
};

/** Messages as the turns of a session: neighbours of one role are one, and answers without a question get a blank one. */
export const exchangesOf = (messages: readonly Message[], pending = ''): Exchange[] => {
  const exchanges: Exchange[] = [];
  let question = pending;
  for (const { role, text } of messages) {
    if (role === 'user') question = joined(question, text);
    else {
      exchanges.push({ question, answer: text });
      question = '';
    }
  }
  return messages.at(-1)?.role === 'assistant' ? exchanges : [...exchanges, { question }];
};
