// Records test/golden/llama.json and test/golden/tokens.json with llama.cpp: `npm run record`. Half a minute.
import { writeFile } from 'node:fs/promises';
import { recordReadings, recordTokens } from './readings.mjs';

const write = (name, { models, readings = models, ...rest }) => {
  const list = models ? 'models' : 'readings';
  const head = JSON.stringify(rest).slice(0, -1);
  const text = `${head},"${list}":[\n${readings.map((entry) => JSON.stringify(entry)).join(',\n')}\n]}\n`;
  console.log(`${name}: ${readings.length} ${list}, ${text.length} bytes`);
  return writeFile(new URL(`../../test/golden/${name}`, import.meta.url), text);
};

await write('llama.json', await recordReadings());
await write('tokens.json', await recordTokens());
