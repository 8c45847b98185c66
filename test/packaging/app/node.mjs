// What `node` runs: the engine without a worker, its threads and a script that it fetches.
import { load } from 'longhand/engine';

const model = await load(process.argv[2], { threads: 2 });
const session = await model.session();
await session.append('Nora Quill lives in Bergen. The brass key is hidden in the attic.');
const said = await session.ask('Where is the brass key?').text();
const word = await session.ask('Where is it?', { schema: { const: 'attic' } }).text();
const { threads } = model.info;
await model.close();
if (!said.includes('attic') || word !== '"attic"' || threads !== 2)
  throw new Error(`${said} ${word} ${threads}`);
console.log(`Node ${process.version}: ${said}`);
