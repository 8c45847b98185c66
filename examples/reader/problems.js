// @ts-check
import { bringIntoSight, byId, make } from './dom.js';

/** What a visitor can do about an error of the SDK, by its code. Whatever is not here says so itself. */
const advice = /** @type {Record<string, string>} */ ({
  'input/busy': 'This text is open in another tab. Close it there, then read it here: it is not read again.',
  'input/exists': 'There is a text of that name already. Choose another name.',
  'input/too-long':
    'That does not fit into the model’s window. Ask a shorter question, or read a shorter text.',
  'model/unreachable':
    'The model could not be fetched. Check the address and the connection; the site it lies on must let other pages read it.',
  'model/corrupt': 'That file is no GGUF model, or not a whole one. Choose another, or fetch it again.',
  'model/template':
    'That model does not say how a conversation with it is written. Choose one for chat (“instruct”).',
  'unsupported/architecture':
    'Models of that kind are not supported yet. Choose one of the suggested, or another GGUF file.',
  'unsupported/tensor-type':
    'That model is stored in a way that is not supported. Choose it in Q8_0, Q4_0 or Q4_K_M.',
  'unsupported/tokenizer': 'That model cuts text in a way that is not supported yet. Choose another.',
  'unsupported/backend':
    'This browser lacks what the engine needs (WebAssembly SIMD, module workers). Use a current one.',
  'memory/device':
    'This device gives no more memory. Close other tabs, or choose a smaller model or a shorter text.',
  'storage/unavailable':
    'This browser lets nothing be kept here (a private window, perhaps). Reading works, but is not remembered.',
  'storage/quota':
    'There is no room left on this device. Delete a text or a model below; what is open stays open.',
  'storage/corrupt': 'What was kept of this text is damaged. Delete it below and read the text again.',
  'storage/version':
    'What was kept was written by another version of this page. Delete it below and read the text again.',
  'engine/lost': 'The engine stopped, perhaps for want of memory. What was read is kept: reload the page.',
  'engine/closed': 'The engine was closed. Reload the page.',
});

export const isAbort = (/** @type {unknown} */ error) =>
  error instanceof DOMException && error.name === 'AbortError';

export const clearProblem = () => {
  byId('problem').hidden = true;
  byId('problem').replaceChildren();
};

/** Says what went wrong and what to do; the SDK's own words are one step away. @param {any} error */
export const showProblem = (error) => {
  const message = error instanceof Error ? error.message : String(error);
  const known = advice[error?.code];
  byId('problem').replaceChildren(
    known ?? message,
    ...(known
      ? [
          make(
            'details',
            {},
            make('summary', { textContent: 'What exactly happened' }),
            `${message} (${error.code})`,
          ),
        ]
      : []),
  );
  byId('problem').hidden = false;
  bringIntoSight('problem');
};
