// @ts-check
// `node examples/assistant/build.mjs`: everything that index.html and sw.js load, into dist/. The folder can then be served
// by anything, with the bundled model beside it.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildApp } from '../build-app.mjs';

export const build = () =>
  buildApp(dirname(fileURLToPath(import.meta.url)), {
    name: 'ASSISTANT',
    entryPoints: { app: 'app.js', assistant: 'assistant.css' },
    // Answers of a form, and calls of tools, also without a network.
    engine: ['constraint.js'],
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { files, version } = await build();
  console.log(`examples/assistant: ${files.length} files, version ${version}`);
}
