import 'fake-indexeddb/auto';
import { openStore } from '../../src/stores/index.js';
import { makeSecret } from '../support/make-secret.js';
import { describeIdb } from './idb.js';
import { describeStore } from './stores.js';

describeStore('memory', { open: () => openStore('memory'), persistent: false });
describeStore('idb', { open: (database) => openStore('idb', { database }), persistent: true });
const encryption = await makeSecret(1);
describeStore('memory, encrypted', { open: () => openStore('memory', { encryption }), persistent: false });
describeStore('idb, encrypted', {
  open: (database) => openStore('idb', { database, encryption }),
  persistent: true,
});
describeIdb();
