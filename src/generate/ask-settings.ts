import type { ToolCall } from '../text/tool.js';
import type { FinishReason, GenerateSettings } from './generate.js';
import type { TokenLogprobs } from './log-probabilities.js';
import type { Source } from './sources.js';
import type { Reasoning } from './speech.js';
import type { ToolSettings } from './tool-settings.js';

export interface AskSettings extends GenerateSettings, ToolSettings {
  /** Strings that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** Keep question and answer, so that the next question follows on. Default false: every question starts at the end of the text. */
  readonly continue?: boolean;
  /**
   * Let a model that can think aloud do so before it answers. Default false: by the template's own switch, or by closing
   * the thoughts that it opens. The thoughts are a stream of their own, and are never part of the next question.
   */
  readonly reasoning?: boolean;
  /**
   * What the answer begins with. The model goes on from there, and so does what `schema`, `pattern` or `grammar` asks for;
   * the pieces of the answer come without it. Not together with `reasoning`, nor where tools may be called.
   */
  readonly begin?: string;
  /** Tell where the answer came from, in `finish.sources`. Default false: then it costs nothing. */
  readonly sources?: boolean;
}

/** How an answer ended, and what it cost. */
export interface Finish {
  readonly reason: FinishReason;
  /** Tokens of the question, template included: all that had to be read. */
  readonly questionTokens: number;
  /** Tokens generated, those of the reasoning included. */
  readonly answerTokens: number;
  /** Where the model thought aloud, also where it was asked not to. */
  readonly reasoning?: Reasoning;
  /** Seconds until the first token, and from there to the end. */
  readonly questionSeconds: number;
  readonly answerSeconds: number;
  /** Calls of tools that the answer made, in order. Their results are the next thing to `ask` with. */
  readonly calls?: readonly ToolCall[];
  /**
   * Where `schema`, `pattern` or `grammar` was asked for, or tools might be called: whether the answer is whole. False where
   * `maxTokens`, the window or a stop string ended it before; what was said is then the beginning of something whole.
   */
  readonly complete?: boolean;
  /** One for each token of the answer, where `logprobs` was asked for. */
  readonly logprobs?: readonly TokenLogprobs[];
  /**
   * Where `sources` was asked for: what the rows read that the answer's tokens (those of the reasoning too) were chosen
   * from, as shares of exact attention mass, on average over rows, query heads and the layers that read the whole text. A
   * soft cap on logits (Gemma 2) is left out of account.
   */
  readonly sources?: readonly Source[];
}
