import { hideAt } from './hide.js';

/** Hidden in the bundled book, at these depths, so that there is something to ask a model that knows only such facts. */
export const facts = [
  {
    depth: 0.06,
    statement: 'The brass key is hidden in the lighthouse.',
    question: 'Where is the brass key?',
  },
  {
    depth: 0.21,
    statement: 'The magic number of Trieste is 58213.',
    question: 'What is the magic number of Trieste?',
  },
  { depth: 0.43, statement: 'Nora Quill lives in Bergen.', question: 'Where does Nora Quill live?' },
  { depth: 0.68, statement: 'The value of tamevo is 7046.', question: 'What is the value of tamevo?' },
  {
    depth: 0.9,
    statement: 'The secret password of Otto Vance is 90417.',
    question: 'What is the secret password of Otto Vance?',
  },
];

/** The text with every fact at the end of the sentence nearest to its depth. */
export const hideFacts = (text) =>
  [...facts]
    .sort((a, b) => b.depth - a.depth)
    .reduce((hidden, { depth, statement }) => hideAt(hidden, depth, statement), text);
