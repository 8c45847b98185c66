// Every entry, as a user's project meets its types.
import { type Answer, LonghandError, load, type Model } from 'longhand';
import { createLanguageModel as createProvider } from 'longhand/ai-sdk';
import { createChat } from 'longhand/chat';
import { load as loadHere } from 'longhand/engine';
import { createOpenAI } from 'longhand/openai';
import { measure, plan } from 'longhand/planner';
import { createLanguageModel } from 'longhand/prompt-api';
import { loadShared } from 'longhand/shared';

const model: Model = await load('/model.gguf', {
  kv: { values: 'q4' },
  attention: { method: 'dhsa', budget: 512 },
});
const session = await model.session({ id: 'kept' });
const answer: Answer = session.ask('Who?', { schema: { enum: ['yes', 'no'] } });
const text: string = await answer.text();
const tokens: number = (await (await loadHere(new Uint8Array())).session().then((here) => here.stats()))
  .tokens;
await createChat(session);
createOpenAI(model);
createProvider(model);
createLanguageModel({ model });
const shared: Model = await loadShared('/model.gguf');
plan(await measure(shared), { tokens: 9000 });
// @ts-expect-error a codec that is not there
await load('/model.gguf', { kv: { values: 'q3' } });
console.log(text, tokens, LonghandError.name);
