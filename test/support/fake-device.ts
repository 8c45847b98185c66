/** A browser's private file system and locks in memory, with what goes wrong there: no room, files that are held. */

interface Stored {
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
  held: boolean;
}

export interface FakeDevice {
  /** What `navigator` has of it. */
  readonly navigator: { storage: object; locks: object; onLine: boolean };
  /** Names of the files that are there, in any folder. */
  names(): string[];
  text(name: string): string;
  /** Bytes that all files may have together. */
  room: number;
  /** What `estimate` reports; more than there is lets a write fail. */
  reported: number | undefined;
  /** What is left when everybody who runs now is killed: the files as they are, no handles, no locks. */
  afterKill(): FakeDevice;
}

const missing = (): DOMException => new DOMException('not found', 'NotFoundError');

export const createFakeDevice = (left: Iterable<[string, Stored]> = []): FakeDevice => {
  const files = new Map<string, Stored>(left);
  const used = (): number => [...files.values()].reduce((sum, { size }) => sum + size, 0);
  const device = { room: Number.POSITIVE_INFINITY, reported: undefined as number | undefined };

  const syncHandle = (file: Stored) => {
    let open = true;
    const alive = (): void => {
      if (!open) throw new DOMException('closed', 'InvalidStateError');
    };
    return {
      read: (bytes: Uint8Array, { at }: { at: number }) => {
        alive();
        const count = Math.max(0, Math.min(bytes.length, file.size - at));
        bytes.set(file.bytes.subarray(at, at + count));
        return count;
      },
      write: (bytes: Uint8Array, { at }: { at: number }) => {
        alive();
        const end = at + bytes.length;
        if (used() + Math.max(0, end - file.size) > device.room)
          throw new DOMException('full', 'QuotaExceededError');
        if (end > file.bytes.length) {
          const larger = new Uint8Array(Math.max(end, file.bytes.length * 2));
          larger.set(file.bytes.subarray(0, file.size));
          file.bytes = larger;
        }
        file.bytes.set(bytes, at);
        file.size = Math.max(file.size, end);
        return bytes.length;
      },
      truncate: (size: number) => {
        alive();
        file.size = size;
      },
      getSize: () => file.size,
      flush: alive,
      close: () => {
        if (open) file.held = false;
        open = false;
      },
    };
  };

  const folder = (prefix: string): object => ({
    getDirectoryHandle: async (name: string) => folder(`${prefix}${name}/`),
    getFileHandle: async (name: string, { create = false } = {}) => {
      const path = prefix + name;
      if (!files.has(path) && !create) throw missing();
      if (!files.has(path)) files.set(path, { bytes: new Uint8Array(0), size: 0, held: false });
      const file = files.get(path)!;
      return {
        getFile: async () => new File([file.bytes.slice(0, file.size)], name),
        createSyncAccessHandle: async () => {
          if (file.held) throw new DOMException('held', 'NoModificationAllowedError');
          file.held = true;
          return syncHandle(file);
        },
      };
    },
    removeEntry: async (name: string) => {
      const file = files.get(prefix + name);
      if (!file) throw missing();
      if (file.held) throw new DOMException('held', 'NoModificationAllowedError');
      files.delete(prefix + name);
    },
    async *keys() {
      for (const path of files.keys()) if (path.startsWith(prefix)) yield path.slice(prefix.length);
    },
  });

  interface Request {
    readonly mode: string;
    readonly grant: () => void;
    readonly holder: { readonly mode: string };
  }
  const holders = new Map<string, Set<{ readonly mode: string }>>();
  const queues = new Map<string, Request[]>();
  const fits = (name: string, mode: string): boolean => {
    const held = [...(holders.get(name) ?? [])];
    return held.length === 0 || (mode === 'shared' && held.every((one) => one.mode === 'shared'));
  };
  const pump = (name: string): void => {
    const queue = queues.get(name) ?? [];
    while (queue[0] && fits(name, queue[0].mode)) {
      const { grant, holder } = queue.shift()!;
      holders.set(name, (holders.get(name) ?? new Set()).add(holder));
      grant();
    }
  };
  const locks = {
    request: async (name: string, options: LockOptions, work: (lock: object | null) => unknown) => {
      const { mode = 'exclusive', ifAvailable = false, signal } = options;
      signal?.throwIfAborted();
      if (ifAvailable && ((queues.get(name)?.length ?? 0) > 0 || !fits(name, mode))) return work(null);
      const holder = { mode };
      await new Promise<void>((grant, reject) => {
        const request = { mode, grant, holder };
        const queue = queues.get(name) ?? [];
        queues.set(name, [...queue, request]);
        signal?.addEventListener('abort', () => {
          const rest = queues.get(name)!;
          if (!rest.includes(request)) return;
          queues.set(
            name,
            rest.filter((one) => one !== request),
          );
          reject(signal.reason);
        });
        pump(name);
      });
      try {
        return await work({ name, mode });
      } finally {
        holders.get(name)?.delete(holder);
        pump(name);
      }
    },
  };

  return Object.assign(device, {
    navigator: {
      onLine: true,
      locks,
      storage: {
        getDirectory: async () => folder('/'),
        estimate: async () => ({ usage: used(), quota: device.reported ?? Math.min(device.room, 2 ** 50) }),
      },
    },
    names: () => [...files.keys()],
    text: (name: string) => {
      const [, file] = [...files].find(([path]) => path.endsWith(name))!;
      return new TextDecoder().decode(file.bytes.subarray(0, file.size));
    },
    afterKill: () =>
      createFakeDevice(
        [...files].map(([path, { bytes, size }]) => [path, { bytes: bytes.slice(), size, held: false }]),
      ),
  });
};
