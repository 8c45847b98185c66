// @ts-check
// What tabs of this app tell each other. The engine is the SDK's affair; this is about what they show.

/** @typedef {{ kind: 'changed' | 'let go', id: string }} Told */

const channel = new BroadcastChannel('longhand-assistant-tabs');
/** @type {((told: Told) => void)[]} */
const listeners = [];
channel.onmessage = (/** @type {MessageEvent<Told>} */ { data }) => {
  for (const listener of listeners) listener(data);
};

/** @param {(told: Told) => void} listener */
export const onOthers = (listener) => {
  listeners.push(listener);
};
export const tellOthers = (/** @type {Told} */ told) => channel.postMessage(told);

/** What is stored is another than before: here and in the other tabs. @param {string} [id] */
export const changed = (id = '') => {
  document.dispatchEvent(new Event('stored-changed'));
  tellOthers({ kind: 'changed', id });
};
