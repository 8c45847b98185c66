import { LonghandError } from '../errors.js';
import { flag, onlyKnown } from '../options.js';
import { checkSecret } from '../stores/encryption.js';

/** What is to become of the secrecy of a session that leaves the store. */
export interface ExportSettings {
  /**
   * Encrypts the file with keys derived from this one: a `CryptoKey` for HKDF that may `deriveKey`, as `kv.encryption` is. Give
   * it the same, or another one for whoever is to read it. Default: the file is not encrypted.
   */
  readonly encryption?: CryptoKey | undefined;
  /** Says of a session that is stored encrypted that its file need not be; without either, it is not exported. Default false. */
  readonly unencrypted?: boolean | undefined;
}

/** How an imported session is to be called. */
export interface ImportSettings {
  /** The key that the file was exported with. Default: it is not encrypted. */
  readonly encryption?: CryptoKey | undefined;
  /** Default: the id it was exported with. */
  readonly id?: string | undefined;
  /** Default: the title it was exported with. */
  readonly title?: string | undefined;
}

/** `isSecret`: the store that it leaves is encrypted. */
export const checkExportOptions = (options: ExportSettings, isSecret: boolean): void => {
  onlyKnown('exportSession', options, ['encryption', 'unencrypted']);
  const encryption = checkSecret('exportSession.encryption', options.encryption);
  const unencrypted = flag('exportSession.unencrypted', options.unencrypted) ?? !isSecret;
  if ((encryption === undefined) === unencrypted) return;
  const why = encryption ? 'cannot be both encrypted and not' : 'would not be encrypted, and the store is';
  throw new LonghandError(
    'input/option',
    `The file ${why}. Give a key as \`encryption\`, or \`unencrypted: true\`.`,
    { option: encryption ? 'unencrypted' : 'encryption' },
  );
};

export const checkImportOptions = (options: ImportSettings): void => {
  onlyKnown('importSession', options, ['id', 'title', 'encryption']);
  checkSecret('importSession.encryption', options.encryption);
};
