// Holds the built engine against llama.cpp as it runs here, now: `npm run peers`. The limits are those of the tests.
import { importTypeScript } from './bundle.mjs';
import { recordReadings } from './readings.mjs';

const { load } = await import('../../dist/engine.js').catch((cause) => {
  throw new Error('There is no dist/engine.js to compare. Run `npm run build` in the folder above.', {
    cause,
  });
});
const { BUNDLED, GENERATED } = await importTypeScript('test/golden/models.ts');
const { replay } = await importTypeScript('test/golden/replay.ts');
const { verdict } = await importTypeScript('test/golden/verdict.ts');

const options = { attention: { method: 'dense' }, kv: { keys: 'f16', values: 'f16', store: 'memory' } };
const { recordedWith, readings } = await recordReadings();
console.log(JSON.stringify(recordedWith));

let objectionable = 0;
for (const golden of [...GENERATED, ...BUNDLED]) {
  const model = await load(await golden.bytes(), options);
  for (const reading of readings.filter((candidate) => candidate.model === golden.name)) {
    const found = verdict(golden.type, reading, await replay(model, reading));
    console.log(
      [
        [golden.name, reading.prompt].filter(Boolean).join(': ').padEnd(70),
        `|Δ log p| ${found.difference.toExponential(1)}`,
        `KL ${found.divergence.toExponential(1)}`,
        `decided ${found.decisive - found.flips}/${found.decisive}`,
        `greedy ${found.same}/${found.sure}`,
      ].join('  '),
    );
    for (const objection of found.objections) console.log(`    ${objection}`);
    if (found.objections.length > 0) objectionable += 1;
  }
  await model.close();
}
console.log(`${readings.length - objectionable} of ${readings.length} readings agree with llama.cpp`);
process.exitCode = objectionable > 0 ? 1 : 0;
