import { LonghandError } from '../errors.js';
import { createDigest } from './load-rarer.js';
import type { Digest } from './sha256.js';
import type { Source } from './source.js';

const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** The SHA-256 (hexadecimal) that a subresource-integrity string demands. Throws `input/option` for any other string. */
export const wantedDigest = (integrity: unknown): string | undefined => {
  if (integrity === undefined) return undefined;
  const code =
    typeof integrity === 'string' ? /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(integrity)?.[1] : undefined;
  if (code !== undefined) return toHex(Uint8Array.from(atob(code), (digit) => digit.charCodeAt(0)));
  throw new LonghandError(
    'input/option',
    `The option integrity cannot be '${integrity}'. Use 'sha256-' and 44 characters of base64.`,
    { option: 'integrity' },
  );
};

/** `model/corrupt`: the content is another than the one demanded. */
export const mismatch = (label: string, wanted: string, found: string): LonghandError =>
  new LonghandError(
    'model/corrupt',
    `${label} is not the file that was asked for: its SHA-256 is ${found}, not ${wanted}. ` +
      'Nothing of it was kept. Check the address and the option integrity.',
    { source: label, wanted, found },
  );

/** `pieces` to the last, which is handed out only if `begun` (default: nothing), with them added, becomes the one that is wanted. */
export async function* withheld(
  label: string,
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  wanted: string,
  begun?: Digest,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const digest = begun ?? (await createDigest());
  let held: Uint8Array<ArrayBuffer> | undefined;
  for await (const piece of pieces) {
    if (held) yield held;
    digest.add(piece);
    held = piece;
  }
  const found = digest.hex();
  if (found !== wanted) throw mismatch(label, wanted, found);
  if (held) yield held;
}

/** A source whose last bytes are handed out only if all of them have the SHA-256 that is wanted. */
export const verified = (source: Source, wanted: string | undefined): Source => {
  if (wanted === undefined) return source;
  return Object.create(source, {
    pieces: { value: (signal?: AbortSignal) => withheld(source.label, source.pieces(signal), wanted) },
  }) as Source;
};
