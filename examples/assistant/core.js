// @ts-check
import { createChat } from '../../dist/chat.js';
import { loadShared } from '../../dist/shared.js';

/** Its own, beside those of other pages here; also the name under which its tabs find each other. */
export const DATABASE = 'longhand-assistant';

// The whole use of Longhand, in five lines. All else in this folder is a page around them.
/** One engine for all tabs. @param {string | File} source @param {import('../../dist/shared.js').SharedOptions} how */
export const openModel = (source, { kv, ...how }) =>
  loadShared(source, { name: DATABASE, kv: { ...kv, database: DATABASE }, ...how });
/** The rest are a conversation: with all that was said in it, whenever that was. @param {Model} model @param {import('../../dist/index.js').OpenOptions} which */
export const openSession = (model, which) => model.session(which);
/** @param {Session} session @param {import('../../dist/chat.js').ChatOptions} how */
export const openChat = (session, how) => createChat(session, how);
/** A copy that rests on the same pages. @param {Model} model @param {string} from @param {{ id: string, title: string }} to */
export const copySession = (model, from, to) => model.cloneSession(from, to);
/** Its first messages alone. @param {Session} session @param {number} count */
export const keepFirst = (session, count) => session.rewind(count);

/** @typedef {import('../../dist/index.js').Model} Model @typedef {import('../../dist/index.js').Session} Session */
