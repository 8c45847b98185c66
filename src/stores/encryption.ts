import { LonghandError } from '../errors.js';

/** Databases of plain and of encrypted records are never the same. */
export const encryptedDatabase = (database: string): string => `${database} encrypted`;

/** Throws `input/option` for what cannot encrypt a store. */
export const checkSecret = (option: string, secret: unknown): CryptoKey | undefined => {
  if (secret === undefined) return undefined;
  const { algorithm, usages } = (secret ?? {}) as Partial<CryptoKey>;
  if (algorithm?.name === 'HKDF' && usages?.includes('deriveKey')) return secret as CryptoKey;
  const found = algorithm ? `a key for ${algorithm.name} that may ${usages?.join(', ')}` : typeof secret;
  throw new LonghandError(
    'input/option',
    `The option ${option} is ${found}. Use a CryptoKey for HKDF that may deriveKey (docs/PRIVACY.md shows how to make one).`,
    { option },
  );
};
