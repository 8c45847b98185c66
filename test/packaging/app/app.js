// The smallest app: what every bundler is asked to build. The test calls `ask` and `reach`.
import { load } from 'longhand';

const TEXT = `${'The tide was low and nobody came. '.repeat(60)}The brass key is hidden in the attic.`;
/** Where the page says that the engine's script lies; bundlers that copy it need no word. */
const { worker: workerUrl } = document.documentElement.dataset;
const open = (options) => load('/model.gguf', workerUrl === undefined ? options : { workerUrl, ...options });

globalThis.ask = async ({ encrypt, kv, id, settings, ...options }) => {
  const bytes = new Uint8Array(32);
  const secret = encrypt && (await crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveKey']));
  const model = await open({ ...options, kv: { ...kv, ...(secret && { encryption: secret }) } });
  const session = await model.session({ id });
  const { tokens } = await session.stats();
  if (tokens === 0) await session.append(TEXT);
  const answer = await session.ask('Where is the brass key?', settings).text();
  const { reusedTokens } = await session.stats();
  const { threads, warnings } = model.info;
  await model.close();
  return { answer, threads, warnings, reusedTokens, isolated: crossOriginIsolated };
};

/** Only begins to load, until the test has seen enough. */
globalThis.reach = (options) => void open(options).catch(() => {});
