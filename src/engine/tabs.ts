import { LonghandError } from '../errors.js';
import type { Engine } from './engine.js';
import { type Host, hostEngine } from './hosted-engine.js';
import { answerTab, callTab, type FarEngine, type TabCall, type TabReply } from './tab-calls.js';

/** `serving`: the engine runs in this tab. `served`: in another one. */
export type TabRole = 'serving' | 'served';

/** Who serves now. A new term begins whenever another tab does, or another worker. */
export interface Seat {
  readonly term: string;
  readonly engine: Engine;
}

export interface Tabs {
  /** Waits until some tab serves. */
  seat(): Promise<Seat>;
  /** Close what this tab has opened, and let another one serve. */
  leave(): Promise<void>;
}

type Announcement =
  | { readonly kind: 'who' }
  | { readonly kind: 'serves'; readonly term: string; readonly since: number };

const lost = (): LonghandError =>
  new LonghandError(
    'engine/lost',
    'The tab that ran the engine was closed, or its worker died. Another one goes on: sessions with an id are as they ' +
      'were last stored. Ask again.',
  );

/**
 * Joins the tabs that share an engine. The one that gets the Web Lock `name` makes it and serves; the others wait for the
 * lock, which the platform gives to the next of them when the tab is closed or dies. Where the platform has no locks, or
 * no channel, every tab serves itself.
 */
export const joinTabs = (name: string, make: () => Engine, onRole: (role: TabRole) => void): Tabs => {
  const { locks } = globalThis.navigator ?? {};
  if (!locks || typeof BroadcastChannel === 'undefined') {
    const engine = make();
    onRole('serving');
    return { seat: async () => ({ term: name, engine }), leave: () => engine.close() };
  }
  const lock = `longhand-tabs-${name}`;
  const me = crypto.randomUUID();
  const channel = new BroadcastChannel(lock);
  const leaving = new AbortController();
  const post = (message: TabCall | TabReply | Announcement): void => {
    // What is on its way while this tab leaves has nobody to go to.
    if (!leaving.signal.aborted) channel.postMessage(message);
  };

  let seat: (Seat & { readonly since: number; readonly far?: FarEngine }) | undefined;
  let waiting: ((seat: Seat) => void)[] = [];
  const sit = (next: NonNullable<typeof seat>): void => {
    seat?.far?.end(lost());
    seat = next;
    for (const resolve of waiting) resolve(next);
    waiting = [];
    onRole(next.far ? 'served' : 'serving');
  };

  /** This tab serves: its term, and how it ends. */
  let serving: { readonly term: string; readonly host: Host; readonly known: Set<string> } | undefined;
  let resign = (): void => undefined;
  const serve = (): Promise<void> =>
    new Promise((resolve) => {
      const term = crypto.randomUUID();
      const engine = make();
      const host = hostEngine(engine);
      resign = () => {
        if (serving?.term !== term) return;
        serving = undefined;
        if (seat?.term === term) seat = undefined;
        void engine.close().finally(resolve);
      };
      serving = { term, host, known: new Set([me]) };
      sit({ term, engine: watched(host.engineFor(me)), since: Date.now() });
      post({ kind: 'serves', term, since: seat!.since });
    });
  /** A worker that died serves nobody: another term begins, here or in the tab that waits next. */
  const watched = (engine: Engine): Engine =>
    new Proxy(engine, {
      get: (_, method) => {
        const call = Reflect.get(engine, method) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) =>
          call(...args).catch((error: Partial<LonghandError>) => {
            if (error.code === 'engine/lost') resign();
            throw error;
          });
      },
    });
  const stand = async (): Promise<void> => {
    while (!leaving.signal.aborted) await locks.request(lock, { signal: leaving.signal }, serve);
  };

  /** The tabs that call hold a lock each: who gets it knows that the tab is gone. */
  const here = (tab: string): string => `${lock}-${tab}`;
  const served = async (call: TabCall): Promise<void> => {
    if (!serving || serving.term !== call.term) return;
    const { host, known } = serving;
    if (!known.has(call.from)) {
      known.add(call.from);
      void locks.request(here(call.from), () => host.leave(call.from)).catch(() => undefined);
    }
    await answerTab(watched(host.engineFor(call.from)), call, post);
  };

  channel.onmessage = ({ data }: MessageEvent<TabCall | TabReply | Announcement>) => {
    if (data.kind === 'call') void served(data);
    else if (data.kind === 'reply') data.to === me && seat?.far?.receive(data);
    else if (data.kind === 'who') serving && post({ kind: 'serves', term: serving.term, since: seat!.since });
    else if (!serving && data.term !== seat?.term && data.since >= (seat?.since ?? 0)) {
      const far = callTab(post, me, data.term);
      sit({ term: data.term, engine: far.engine, since: data.since, far });
    }
  };
  let depart = (): void => undefined;
  const present = new Promise<void>((resolve, reject) => {
    locks
      .request(here(me), () => {
        resolve();
        return new Promise<void>((release) => {
          depart = release;
        });
      })
      .catch(reject);
  });
  post({ kind: 'who' });
  stand().catch(() => undefined);

  return {
    seat: async () => {
      await present;
      return seat ?? new Promise<Seat>((resolve) => waiting.push(resolve));
    },
    leave: async () => {
      if (leaving.signal.aborted) return;
      const far = seat?.far;
      await far?.engine.close().catch(() => undefined);
      leaving.abort();
      far?.end(new LonghandError('engine/closed', 'The model was closed. Load it again.'));
      seat = undefined;
      resign();
      depart();
      channel.close();
    },
  };
};
