import { LonghandError } from '../errors.js';
import { checkSessionId, checkSessionTitle } from '../kv/session-keys.js';
import { flag, onlyKnown, text } from '../options.js';
import type { RetentionOptions } from '../policies/index.js';
import type { Tool } from '../text/tool.js';

/** A context with a conversation. */
export interface SessionOptions {
  /** A name under which the session is kept and found again. Default: it is not kept. */
  readonly id?: string;
  /** System text, in front of everything. It must be the one the session was begun with, or left out. */
  readonly system?: string;
  /**
   * Functions that the model may call, described in front of everything, where the model's template puts them: the same tools
   * (and system) make the same beginning, so that a text behind them is found again. They must be those the session was
   * begun with, or left out. Where the template has no place for tools, the system text explains them.
   */
  readonly tools?: readonly Tool[];
  /** What a new session is to be called in lists. Default: its id. One that is there already keeps its title. */
  readonly title?: string;
  /** Where another tab or caller has the session: wait until it is closed there. Default false: `input/busy`. */
  readonly wait?: boolean;
  /**
   * Open the session as it was last stored, whoever else has it. What is then appended, asked or answered stays in this
   * object: nothing of the stored session changes. Default false.
   */
  readonly readOnly?: boolean;
  /**
   * What of the text its answers may read, while it is open: as in `load`, but for what binds the reading of texts (`duo` and
   * `sinks-window` without `reading: false`). Not stored with it; clones keep the same. Default: what the model was loaded with.
   */
  readonly retention?: RetentionOptions;
}

/** How a context is opened. */
export type ContextOptions = Pick<SessionOptions, 'retention'>;

/** Whether a clone of a session is kept, and how. Default: it is not. */
export type CloneSettings = Pick<SessionOptions, 'id' | 'title'>;

/** How a text would be read that is looked for. */
export interface ProbeSettings {
  /** System text of the session that it would be appended to. Default: none. Nothing stands in front of ids. */
  readonly system?: string | undefined;
  /** Tools of that session. Default: none. */
  readonly tools?: readonly Tool[] | undefined;
}

/** Refuses all but tools that are not what they must be: whoever opens the session has them judged. */
export const checkSessionOptions = (options: SessionOptions): void => {
  onlyKnown('session', options, ['id', 'system', 'tools', 'title', 'wait', 'readOnly', 'retention']);
  const { id, title } = options;
  if (id !== undefined) checkSessionId(id);
  if (title !== undefined) checkSessionTitle(title);
  text('system', options.system);
  const wait = flag('session.wait', options.wait);
  if (flag('session.readOnly', options.readOnly) && (id === undefined || wait)) {
    throw new LonghandError(
      'input/option',
      'A session that is only read needs the id of a stored one, and waits for nobody. Give an `id`, without `wait`.',
      { option: 'readOnly' },
    );
  }
};

export const checkCloneOptions = (options: CloneSettings): void => {
  onlyKnown('clone', options, ['id', 'title']);
  checkSessionOptions(options);
};

/** Refuses what is neither text nor ids, and a system text where nothing stands in front. */
export const checkProbe = (what: unknown, options: ProbeSettings): void => {
  onlyKnown('probe', options, ['system', 'tools']);
  const system = text('system', options.system);
  if (typeof what !== 'string' && !Array.isArray(what)) {
    throw new LonghandError(
      'input/type',
      'Only a text or token ids can be probed. Pass a string or an array of ids.',
    );
  }
  if ((system !== undefined || options.tools) && typeof what !== 'string') {
    throw new LonghandError(
      'input/option',
      'Nothing stands in front of token ids. Leave `system` and `tools` out, or pass a text.',
      { option: system === undefined ? 'tools' : 'system' },
    );
  }
};
