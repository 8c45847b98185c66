// Builds everything into dist/: AssemblyScript kernels, then bundles. `node build.mjs kernels` builds only the kernels.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const asc = (out, features) =>
  execFileSync(
    process.execPath,
    [
      'node_modules/assemblyscript/bin/asc.js', 'assembly/index.ts', '--outFile', `dist/${out}`,
      '-O3', '--noAssert', '--uncheckedBehavior', 'always', '--runtime', 'stub', '--importMemory',
      '--exportRuntime', ...features.flatMap((feature) => ['--enable', feature]),
    ].filter((argument) => argument !== '--exportRuntime'),
    { stdio: 'inherit' },
  );

mkdirSync('dist', { recursive: true });
asc('kernels.wasm', ['simd']);
asc('kernels.relaxed.wasm', ['simd', 'relaxed-simd']);
