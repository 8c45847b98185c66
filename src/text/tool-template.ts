import { spaced, writeArguments } from './call-arguments.js';
import type { CallForm } from './call-form.js';
import type { ChatTemplate } from './chat-template.js';
import { beforeContent, joinPieces, type TemplatePiece } from './template-pieces.js';
import { createSlots } from './template-slots.js';
import type { ToldCalls, Tool, ToolResult } from './tool.js';
import { type RenderMessages, readToolForms, withIds } from './tool-forms.js';
import { parametersOf, wordTools } from './tool-words.js';

/** What follows results: an answer, one that begins with thoughts, or an answer that was given earlier. */
export type After = 'answer' | 'thoughts' | 'past';

/** The text around tools, calls and results. Names, descriptions, arguments and results never pass through the template. */
export interface ToolTemplate {
  readonly form: CallForm;
  /** As `ChatTemplate.opening`, with the tools where the template puts them, or explained in front where it has no place. */
  opening(system: string | undefined, tools: readonly Tool[]): TemplatePiece[];
  /** What an earlier turn says that has made calls. */
  calls(told: ToldCalls): TemplatePiece[];
  /** From the end of a turn that made calls, over their results, to what follows. */
  results(results: readonly ToolResult[], after: After): TemplatePiece[];
}

const control = (text: string): TemplatePiece => ({ text, control: true });
const plain = (text: string): TemplatePiece => ({ text, control: false });

/** How a template may want to be given tools. */
interface Way {
  readonly messages: readonly object[];
  readonly tools: readonly unknown[];
  /** What must then be in its text. */
  readonly shown: readonly string[];
}

const ANY: readonly unknown[] = [
  {
    type: 'function',
    function: { name: 'f', description: 'g', parameters: { type: 'object', properties: {} } },
  },
];

const known = new WeakMap<ChatTemplate, ToolTemplate>();

/** How a template writes tools, calls and results: read from it when it is first asked for. */
export const toolTemplateOf = (template: ChatTemplate): ToolTemplate => {
  const read = known.get(template) ?? readToolTemplate(template);
  known.set(template, read);
  return read;
};

const readToolTemplate = (around: ChatTemplate): ToolTemplate => {
  const { source, render, names, bos, thoughts, quiet } = around.forTools;
  const word = (): string => createSlots(names).word('');
  const leads = [
    ...new Set([
      around
        .past()
        ?.map(({ text }) => text)
        .join(''),
      quiet,
    ]),
  ].filter((text) => text !== undefined);
  const asked: RenderMessages = (messages, thinking) => {
    try {
      return render(messages, ANY, thinking);
    } catch {
      // It may print tools in a way that is not known here, and calls all the same.
      return render(messages, [], thinking);
    }
  };
  const { calls: form, results: resultForm } = readToolForms(asked, leads, source, word);

  /** With the tools where the template puts them; undefined where it does not put them anywhere. */
  const own = (system: string | undefined, tools: readonly Tool[]): TemplatePiece[] | undefined => {
    const slots = createSlots(names);
    const worded = wordTools(tools, slots);
    const question = word();
    const user = { role: 'user', content: question };
    const list = slots.word(spaced(toolList(tools)));
    const shown = tools.map(({ name }) => slots.word(name));
    const asked = [...(system === undefined ? [] : [{ role: 'system', content: slots.word(system) }]), user];
    const lines = toolList(tools).map((tool) => slots.word(spaced(tool)));
    const ways: readonly Way[] = [
      { messages: asked, tools: worded, shown },
      // SmolLM3's prints each as a text.
      { messages: asked, tools: lines, shown: lines },
      // Phi-4-mini's takes them as a text with the system message.
      {
        messages: [{ role: 'system', content: slots.word(system ?? ''), tools: list }, user],
        tools: [],
        shown: [list],
      },
    ];
    for (const way of ways) {
      try {
        const [before = '', after, again] = render(way.messages, way.tools, false).split(question);
        const isWhole = again === undefined && after === quiet;
        if (!isWhole || !way.shown.every((one) => before.includes(one))) continue;
        if (system !== undefined && !before.includes(slots.word(system))) continue;
        const cut = slots.cut(bos !== '' && before.startsWith(bos) ? before.slice(bos.length) : before);
        const last = cut.at(-1);
        return last?.control ? joinPieces([...cut.slice(0, -1), ...beforeContent(last.text)]) : cut;
      } catch {
        // A template that refuses tools is one that has no place for them.
      }
    }
    return undefined;
  };
  const explained = (system: string | undefined, tools: readonly Tool[]): TemplatePiece[] => {
    const { lead, between, tail } = form;
    return around.opening(
      joinPieces([
        plain(system === undefined || system === '' ? '' : `${system}\n\n`),
        plain('You may call functions. To call one, say nothing but\n'),
        control(`${lead}name${between}{…}${tail}`),
        plain(
          '\nand you will be told its result. These are the functions, with JSON Schemas of their arguments:\n' +
            toolList(tools)
              .map((tool) => spaced(tool.function))
              .join('\n'),
        ),
      ]),
    );
  };
  /** A mark in front is a token, what follows it is one text with the name. */
  const marked = (text: string): TemplatePiece[] => {
    const { open } = form.style;
    const rest = text.slice(open.length);
    return open !== '' && text.startsWith(open) && !names(rest)
      ? [control(open), plain(rest)]
      : [pieceOf(text)];
  };
  const pieceOf = (text: string): TemplatePiece => ({ text, control: names(text) });

  return {
    form,
    opening: (system, tools) => own(system, tools) ?? explained(system, tools),
    calls: ({ text = '', calls }) =>
      joinPieces([
        plain(text === '' || calls.length === 0 ? text : `${text}\n`),
        ...calls.flatMap(({ name, arguments: given }, i) => [
          ...(i === 0 ? marked(form.lead) : [pieceOf(withIds(form.joint!, i - 1))]),
          plain(name),
          pieceOf(withIds(form.between, i)),
          plain(writeArguments(form.style, given)),
          ...(i === calls.length - 1 ? [pieceOf(withIds(form.tail, i))] : []),
        ]),
      ]),
    results(results, after) {
      if (!resultForm) {
        const end = after === 'past' ? (around.past() ?? []) : around.closing(after === 'thoughts');
        const told = results.map(({ content }) => `<tool_response>\n${content}\n</tool_response>`);
        return joinPieces([...around.following(), plain(told.join('\n')), ...end]);
      }
      const end =
        after === 'past'
          ? resultForm.past
          : thoughts(resultForm.end(false), resultForm.end(true), after === 'thoughts');
      const texts = results.map((_, i) =>
        i === results.length - 1 ? withIds(end, i) : withIds(resultForm.joint, i),
      );
      return joinPieces([
        control(resultForm.lead),
        ...results.flatMap(({ content }, i) => {
          const before = i === 0 ? resultForm.lead : texts[i - 1]!;
          const isQuoted = before.endsWith('"') && texts[i]!.startsWith('"');
          return [plain(isQuoted ? JSON.stringify(content).slice(1, -1) : content), control(texts[i]!)];
        }),
      ]);
    },
  };
};

const toolList = (tools: readonly Tool[]) =>
  tools.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, ...(description && { description }), parameters: parametersOf(parameters) },
  }));
