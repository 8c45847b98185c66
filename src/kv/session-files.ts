/** What transfer.js has, which is fetched where a session is exported, imported or evicted, or a text is probed. */
export { evictSession } from './evict-session.js';
export { exportSession } from './export-session.js';
export { checkExportOptions, checkImportOptions } from './file-options.js';
export { importSession, openImport } from './import-session.js';
export { probeText } from './probe-text.js';
