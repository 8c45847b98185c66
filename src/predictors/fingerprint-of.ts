/** What a file is called in the signatures of what it decides: the first half of its SHA-256, in hexadecimal. */
export const fingerprintOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).subarray(0, 16), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
