// Imports TypeScript of the test folder: bundled to a temporary file first, because Node 20 reads no types.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** The exports of a TypeScript module, named by its path from the root of the repository. */
export async function importTypeScript(path) {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'longhand-peers-'));
  const outfile = join(folder, 'bundle.mjs');
  try {
    await build({
      entryPoints: [join(root, path)],
      bundle: true,
      outfile,
      format: 'esm',
      platform: 'node',
      define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, path)).href) },
      logLevel: 'warning',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true });
  }
}
