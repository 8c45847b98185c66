/**
 * One engine for all tabs of a site.
 *
 * @packageDocumentation
 */
import type { CallOptions } from './call.js';
import type { ModelSource } from './engine/engine.js';
import type { EngineOptions } from './engine/options.js';
import { sharedEngine } from './engine/shared-engine.js';
import { joinTabs, type TabRole } from './engine/tabs.js';
import { loadOn, type Model } from './loaded-model.js';
import { checkWorkers, pageEngine, placeOptions, placeSource } from './page-engine.js';

export type { TabRole } from './engine/tabs.js';

/** How a model is loaded for all tabs. */
export interface SharedOptions extends EngineOptions, CallOptions {
  /** Tabs that name the same share an engine. Default `longhand`. */
  readonly name?: string;
  /** Address of the worker script. Default: `worker.js` beside this script. */
  readonly workerUrl?: string | URL;
  /** Told when the engine has a place: in this tab (`serving`) or in another one (`served`), and whenever that changes. */
  readonly onRole?: (role: TabRole) => void;
}

/**
 * Load a GGUF model once for all tabs of a site. The first tab runs the engine; the others have the same model and talk to
 * it there. When that tab is closed or dies, the one that has waited longest runs it: calls under way reject with `engine/lost`,
 * and the next call finds the model loaded again and sessions that have an id as they were last stored; those without one
 * are lost (`engine/lost`). A session that one tab has open is `input/busy` in another, as ever. Needs Web Locks and
 * `BroadcastChannel`; without them every tab has an engine of its own.
 *
 * @throws LonghandError as `load` does.
 */
export const loadShared = async (source: ModelSource, options: SharedOptions = {}): Promise<Model> => {
  const { name = 'longhand', workerUrl, onRole = () => undefined, ...rest } = options;
  checkWorkers();
  const make = () => pageEngine(workerUrl === undefined ? {} : { workerUrl });
  const place = placeSource(source);
  return loadOn(sharedEngine(joinTabs(name, make, onRole)), place, placeOptions(rest));
};
