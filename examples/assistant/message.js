// @ts-check
// One message as it is shown. Whatever stands in it is text.
import { make } from '../reader/dom.js';
import { count, seconds, speed } from '../reader/numbers.js';
import { rowsOf } from './forms.js';
import { isResult } from './tools.js';

/** @typedef {import('../../dist/chat.js').ChatMessage} ChatMessage */

/** What is longer is shown on demand, characters. */
const LONG = 900;
const BEGINNING = 140;

/** @param {string} text @param {string} className */
const saying = (text, className) => {
  const whole = make('p', { className: `said ${className}`, dir: 'auto', textContent: text });
  if (text.length <= LONG) return whole;
  return make(
    'details',
    { className: 'long' },
    make('summary', {
      dir: 'auto',
      textContent: `${text.slice(0, BEGINNING)}… (${count(text.length)} characters)`,
    }),
    whole,
  );
};

const table = (/** @type {[string, string][]} */ rows) =>
  make(
    'table',
    {},
    make(
      'tbody',
      {},
      ...rows.map(([name, value]) =>
        make(
          'tr',
          {},
          make('th', { scope: 'row', textContent: name }),
          make('td', { dir: 'auto', textContent: value }),
        ),
      ),
    ),
  );

/** @param {import('../../dist/index.js').Finish} finish */
const costOf = ({ questionSeconds, answerTokens, answerSeconds, reason, complete }) => {
  const rate = speed({ tokens: Math.max(0, answerTokens - 1), seconds: answerSeconds });
  const cut =
    complete === false ? ' Cut before it was whole.' : reason === 'length' ? ' Cut: it was long.' : '';
  return `First word after ${seconds(questionSeconds)}${rate === '–' ? '' : `, then ${rate}`}.${cut}`;
};

/** @param {ChatMessage} message */
const answerParts = ({ text, reasoning, calls, finish }) => {
  const rows = finish || !calls ? rowsOf(text) : undefined;
  return [
    ...(reasoning
      ? [
          make(
            'details',
            {},
            make('summary', { textContent: 'Thoughts' }),
            make('p', { textContent: reasoning }),
          ),
        ]
      : []),
    ...(rows ? [table(rows)] : [make('p', { className: 'answer', dir: 'auto', textContent: text })]),
    ...(calls ?? []).map(({ name, arguments: given }) =>
      make(
        'p',
        { className: 'call' },
        'Calls ',
        make('code', {
          textContent: `${name}(${Object.values(given)
            .map((one) => JSON.stringify(one))
            .join(', ')})`,
        }),
      ),
    ),
    ...(finish ? [make('p', { className: 'cost', textContent: costOf(finish) })] : []),
  ];
};

/** @param {ChatMessage} message */
const parts = (message) => {
  if (message.role === 'assistant') return answerParts(message);
  if (message.role === 'user') return [saying(message.text, isResult(message.text) ? 'result' : 'user')];
  return (message.results ?? []).map(({ name, content }) => saying(`${name}: ${content}`, 'result'));
};

const SPEAKERS = { user: 'You', assistant: 'Assistant', tool: 'Tool' };

/** @param {ChatMessage} message @param {...HTMLElement} deeds buttons */
export const articleOf = (message, ...deeds) => {
  const { role, text } = message;
  const who = role === 'user' && isResult(text) ? 'tool' : role;
  return make(
    'article',
    { className: who, ariaLabel: SPEAKERS[who] },
    ...parts(message),
    ...(deeds.length > 0 ? [make('div', { className: 'deeds' }, ...deeds)] : []),
  );
};

/** An answer that grows. @param {HTMLElement} article @param {ChatMessage} message whether it could be shown in place */
export const grow = (article, message) => {
  const out = article.querySelector('.answer');
  const isPlain = message.role === 'assistant' && !message.calls && !message.finish && !message.reasoning;
  if (!out || !isPlain || article.className !== 'assistant') return false;
  out.textContent = message.text;
  return true;
};

/** What may be asked anew in a copy: words of the visitor's own. @param {ChatMessage} message */
export const mayEdit = ({ role, text }) => role === 'user' && !isResult(text) && text.length <= LONG;
