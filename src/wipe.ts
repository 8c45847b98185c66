import { flag, onlyKnown, text } from './options.js';
import { wipeStores } from './stores/wipe-stores.js';
import { deleteModel, models } from './weights/kept-files.js';

/** What is deleted. */
export interface WipeOptions {
  /** The database that `kv.database` names. Default `longhand`. */
  readonly database?: string;
  /** Whether kept model files go too, of all databases. Default true. */
  readonly models?: boolean;
}

/**
 * Deletes everything that is kept on this device: sessions, texts and what was made of them, in every store, encrypted or
 * not, and model files. Models should be closed and other tabs too: one that goes on keeps what it does from then on.
 * Rejects with `input/busy` where something cannot be deleted because it is open; what was deleted until then is gone.
 */
export const wipe = async (options: WipeOptions = {}): Promise<void> => {
  onlyKnown('wipe', options, ['database', 'models']);
  const withModels = flag('wipe.models', options.models) ?? true;
  await wipeStores(text('wipe.database', options.database) ?? 'longhand');
  for (const { url } of withModels ? await models() : []) await deleteModel(url);
};
