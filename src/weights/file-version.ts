/** What tells one version of a file at a URL from another. Absent: not told, or hidden from other origins. */
export interface FileVersion {
  readonly size?: number | undefined;
  /** A strong ETag, with its quotes. */
  readonly etag?: string | undefined;
  /** The Last-Modified header. */
  readonly modified?: string | undefined;
}

/** Where in a file the body of a 206 answer stands. `undefined` where the header is hidden or absurd. */
export const contentRange = (
  headers: Headers,
): { readonly start: number; readonly end: number; readonly size: number } | undefined => {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '');
  if (!match) return undefined;
  const [start, last, size] = match.slice(1).map(Number) as [number, number, number];
  return start <= last && last < size ? { start, end: last + 1, size } : undefined;
};

/**
 * Bytes a body must have, if that can be told. An encoded body's content-length counts other bytes than those that
 * arrive here, and another origin's answer shows its length but hides its encoding.
 */
const announced = ({ headers, type }: Response): number | undefined => {
  const length = headers.get('content-length');
  const encoding = headers.get('content-encoding') ?? (type === 'cors' ? 'unknown' : 'identity');
  return length !== null && /^\d+$/.test(length) && encoding === 'identity' ? Number(length) : undefined;
};

/** The version of the file that an answer (200 or 206, to GET or HEAD) speaks of. */
export const versionOf = (response: Response): FileVersion => {
  const { headers, status } = response;
  const etag = headers.get('etag');
  return {
    size: status === 206 ? contentRange(headers)?.size : announced(response),
    // A weak one stands for "means the same", not for the same bytes.
    etag: etag !== null && /^".*"$/.test(etag) ? etag : undefined,
    modified: headers.get('last-modified') ?? undefined,
  };
};

/** Whether bytes of two answers may be put together: something besides the length must vouch for it. */
export const isTold = ({ etag, modified }: FileVersion): boolean =>
  etag !== undefined || modified !== undefined;

/** `unclear`: nothing that both tell would differ if the file had changed. */
export const compareVersions = (a: FileVersion, b: FileVersion): 'same' | 'changed' | 'unclear' => {
  if (a.size !== undefined && b.size !== undefined && a.size !== b.size) return 'changed';
  const [one, other] = a.etag && b.etag ? [a.etag, b.etag] : [a.modified, b.modified];
  if (one === undefined || other === undefined) return 'unclear';
  return one === other ? 'same' : 'changed';
};
