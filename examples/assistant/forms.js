// @ts-check
// Forms that an answer may be asked in. Whatever the model is, the answer is of the form, or is said to be cut.

const line = { type: 'string', maxLength: 60 };

/** @type {Record<string, { told: string, schema: object }>} */
const FORMS = {
  value: {
    told: 'Answer as JSON with "name" and "value".',
    schema: { type: 'object', properties: { name: line, value: line }, required: ['name', 'value'] },
  },
  verdict: {
    told: 'Answer as JSON with "answer": "yes", "no" or "unclear".',
    schema: {
      type: 'object',
      properties: { answer: { enum: ['yes', 'no', 'unclear'] } },
      required: ['answer'],
    },
  },
  list: {
    told: 'Answer as JSON with "items", a list.',
    schema: {
      type: 'object',
      properties: { items: { type: 'array', items: line, maxItems: 8 } },
      required: ['items'],
    },
  },
};

/**
 * How a question is asked: freely, in a form, or by a call.
 * @param {string} kind of `#form-kind` @returns {{ told: string, settings: import('../../dist/chat.js').ChatSettings }}
 */
export const askedAs = (kind) => {
  const form = FORMS[kind];
  if (form) return { told: form.told, settings: { schema: form.schema } };
  return { told: '', settings: kind === 'tool' ? { toolChoice: 'required' } : {} };
};

/** The rows of an answer that is a JSON object; undefined for every other one. @param {string} text */
export const rowsOf = (text) => {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return Object.entries(JSON.parse(text)).map(([name, value]) => {
      const parts = Array.isArray(value) ? value : [value];
      return /** @type {[string, string]} */ ([
        name,
        parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join('\n'),
      ]);
    });
  } catch {
    return undefined;
  }
};
