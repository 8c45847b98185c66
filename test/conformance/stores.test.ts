import 'fake-indexeddb/auto';
import { openStore } from '../../src/stores/index.js';
import { describeIdb } from './idb.js';
import { describeStore } from './stores.js';

describeStore('memory', { open: () => openStore('memory'), persistent: false });
describeStore('idb', { open: (database) => openStore('idb', { database }), persistent: true });
describeIdb();
