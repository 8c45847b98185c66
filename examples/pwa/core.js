// @ts-check
import { load } from '../../dist/index.js';

/** Its own, beside those of other pages here. */
export const DATABASE = 'longhand-shelf';

// The whole use of Longhand, in five lines. All else in this folder is a page around them.
/** @type {typeof load} */
export const openModel = (source, how) => load(source, { ...how, kv: { database: DATABASE } });
/** @type {(model: Model, id: string, title: string) => Promise<Session>} */
export const openText = (model, id, title) => model.session({ id, title });
/** @type {(session: Session, words: string, how: import('../../dist/index.js').CallOptions) => Promise<void>} */
export const readOnce = (session, words, how) => session.append(words, how);
/** @type {(session: Session, question: string, how: import('../../dist/index.js').AskOptions) => import('../../dist/index.js').Answer} */
export const ask = (session, question, how) => session.ask(question, how);
/** @type {(model: Model, id: string) => Promise<import('../../dist/index.js').ExportedSession>} */
export const toFile = (model, id) => model.exportSession(id);

/** @typedef {import('../../dist/index.js').Model} Model @typedef {import('../../dist/index.js').Session} Session */
