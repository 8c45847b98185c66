// @ts-check
// The texts that are open, each once, however many panels look at them. A text that is being read is read to its end even
// if every panel is closed meanwhile.
import { readText } from './core.js';

/** @typedef {import('../../dist/index.js').Session} Session */
/**
 * @typedef {{
 *   users: number,
 *   isRead: boolean,
 *   session: Promise<Session>,
 *   stop: AbortController,
 *   watchers: Set<(progress: { loaded: number, total: number }) => void>,
 *   asking: Promise<unknown>,
 * }} Room
 */

/** @type {Map<string, Room>} */
const rooms = new Map();
/** Those whose session is still to be closed. @type {Set<Promise<unknown>>} */
const closing = new Set();

export const isOpen = (/** @type {string} */ id) => rooms.has(id);
/** Resolves when every session that is closing now is closed: what it read is kept then. */
export const allClosed = () => Promise.allSettled([...closing]);
/** Nothing is read, and nobody looks. */
export const isQuiet = () => rooms.size === 0;

/** @param {string} id @param {Room} room */
const closeRoom = (id, room) => {
  if (room.users > 0 || rooms.get(id) !== room) return;
  rooms.delete(id);
  const closed = room.session.then((session) => session.close()).catch(() => undefined);
  closing.add(closed);
  void closed.then(() => closing.delete(closed));
};

/** A text, read or being read; whoever enters must leave. @param {import('../../dist/index.js').Model} model @param {{ id: string, title: string, text: string }} page */
export const enter = (model, page) => {
  const there = rooms.get(page.id);
  if (there) {
    there.users++;
    return there;
  }
  const stop = new AbortController();
  /** @type {Room['watchers']} */
  const watchers = new Set();
  const onProgress = (/** @type {{ loaded: number, total: number }} */ progress) => {
    for (const watch of watchers) watch(progress);
  };
  const session = allClosed().then(() => readText(model, page, { signal: stop.signal, onProgress }));
  const room = { users: 1, isRead: false, session, stop, watchers, asking: Promise.resolve() };
  rooms.set(page.id, room);
  session.then(
    () => {
      room.isRead = true;
      closeRoom(page.id, room);
    },
    () => rooms.get(page.id) === room && rooms.delete(page.id),
  );
  return room;
};

/** @param {string} id @param {Room} room */
export const leave = (id, room) => {
  room.users--;
  // One that is still being read closes itself at its end.
  if (room.isRead) closeRoom(id, room);
};

/** Stops all that is read, closes all. */
export const closeRooms = async () => {
  const open = [...rooms];
  rooms.clear();
  await Promise.all(
    open.map(([, room]) => {
      room.stop.abort();
      return room.session.then((session) => session.close()).catch(() => undefined);
    }),
  );
  await allClosed();
};
