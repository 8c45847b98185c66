/** Sessions in files: what transfer.js has, which is fetched where one is exported or imported. */
export { exportSession } from './export-session.js';
export { checkExportOptions, checkImportOptions } from './file-options.js';
export { importSession, openImport } from './import-session.js';
