/**
 * A conversation as a page shows it: messages, what is being said, and what went wrong, for any framework.
 *
 * @packageDocumentation
 */

export type { RunTool } from '../run-calls.js';
export {
  type Chat,
  type ChatMessage,
  type ChatOptions,
  type ChatSettings,
  type ChatState,
  createChat,
} from './create-chat.js';
