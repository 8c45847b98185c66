/** The part of the browser's extension API that is used here; all of it needs no more than the manifest asks for. */
declare namespace chrome {
  interface Heard<Call extends (...given: never[]) => unknown> {
    addListener(call: Call): void;
  }
  namespace runtime {
    const id: string;
    function getURL(path: string): string;
    interface MessageSender {
      readonly id?: string;
      readonly url?: string;
      readonly origin?: string;
    }
    interface Port {
      readonly sender?: MessageSender;
      readonly onMessage: Heard<(message: unknown) => void>;
      readonly onDisconnect: Heard<() => void>;
      postMessage(message: unknown): void;
      disconnect(): void;
    }
    function connect(): Port;
    /** Why a port was hung up on, within its event. */
    const lastError: { readonly message?: string } | undefined;
    const onConnect: Heard<(port: Port) => void>;
    function sendMessage(message: unknown): Promise<unknown>;
    const onMessage: Heard<(message: unknown, sender: MessageSender) => void>;
  }
  namespace action {
    const onClicked: Heard<(tab: tabs.Tab & { windowId: number }) => void>;
  }
  namespace sidePanel {
    function open(where: { windowId: number }): Promise<void>;
  }
  namespace offscreen {
    function createDocument(of: { url: string; reasons: string[]; justification: string }): Promise<void>;
  }
  namespace tabs {
    interface Tab {
      readonly id?: number;
    }
    function query(filter: { active: boolean; currentWindow: boolean }): Promise<Tab[]>;
    function create(of: { url: string }): Promise<Tab>;
    const onActivated: Heard<(change: { tabId: number }) => void>;
    const onUpdated: Heard<(tab: number, change: { status?: string }) => void>;
  }
  namespace scripting {
    function insertCSS(of: { target: { tabId: number }; files: string[] }): Promise<void>;
    function executeScript<Given extends unknown[], Result>(of: {
      target: { tabId: number };
      files?: string[];
      func?: (...given: Given) => Result;
      args?: Given;
    }): Promise<{ result?: Result }[]>;
  }
}

/** What page/index.js exports, in the page. */
declare const longhandPage: typeof import('./page/index.js');

declare module '@mozilla/readability' {
  export class Readability<Content> {
    constructor(document: Document, options: { serializer(node: Node): Content });
    parse(): { content?: Content | null } | null;
  }
}
