// @ts-check
/** What reading a file may cost. A book is far below; what is above is refused, in words. */
export const limits = {
  /** Of a file as it comes. */
  fileBytes: 100e6,
  /** Of one part of it, unpacked: a chapter, a page's commands. */
  partBytes: 32e6,
  /** Of all parts that are unpacked. */
  unpackedBytes: 256e6,
  /** Entries of an archive, pages of a PDF. */
  parts: 20_000,
  /** In one array, so that a stream that unpacks without end fails before the device does; a file fits. */
  arrayBytes: 128e6,
  /** Without any progress, and in all. */
  silentSeconds: 20,
  seconds: 300,
};
