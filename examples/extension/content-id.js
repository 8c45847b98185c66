// @ts-check
/**
 * The name of a text: what it says and which model reads it, not where it was found. The same words under another address
 * are the same text. @param {string} text @param {import('../../dist/index.js').ModelInfo} info
 */
export const contentId = async (text, info) => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const hex = [...new Uint8Array(digest).subarray(0, 12)].map((byte) => byte.toString(16).padStart(2, '0'));
  return `page/${info.fingerprint.replace(/\W/g, '').slice(0, 16)}/${hex.join('')}`;
};
