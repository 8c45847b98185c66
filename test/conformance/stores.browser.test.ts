import { openStore } from '../../src/stores/index.js';
import { describeIdb } from './idb.js';
import { describeStore } from './stores.js';

describeStore('memory', { open: () => openStore('memory'), persistent: false });
describeStore('idb, relaxed', { open: (database) => openStore('idb', { database }), persistent: true });
describeStore('idb, strict', {
  open: (database) => openStore('idb', { database, durability: 'strict' }),
  persistent: true,
});
describeIdb();
