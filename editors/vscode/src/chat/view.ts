// The chat in the side bar: passes questions to the server and its answers to the page.

import * as vscode from 'vscode';
import { openAt, page } from '../html';
import type { Answer, Progress, Range } from '../protocol';
import type { Server } from '../server';
import { BODY, STYLE } from './page';

type FromPage =
  | { kind: 'ready' }
  | { kind: 'ask'; message: string; withSelection: boolean }
  | { kind: 'stop' }
  | { kind: 'open'; uri: string; range?: Range }
  | { kind: 'rate'; answerId: string; rating: 1 | -1 }
  | { kind: 'copy'; text: string }
  | { kind: 'insert'; text: string };

export class ChatView implements vscode.WebviewViewProvider, vscode.Disposable {
  private view: vscode.WebviewView | undefined;
  private threadId: string | undefined;
  private running: vscode.CancellationTokenSource | undefined;
  private questions = 0;
  private readonly registration: vscode.Disposable;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
  ) {
    const options = { webviewOptions: { retainContextWhenHidden: true } };
    this.registration = vscode.window.registerWebviewViewProvider('ragstar.chat', this, options);
  }

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    view.webview.options = { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(this.context.extensionUri, 'dist')] };
    view.webview.onDidReceiveMessage((message: FromPage) => void this.hear(message));
    view.onDidDispose(() => {
      this.view = undefined;
      this.running?.cancel();
    });
    view.webview.html = page(view.webview, this.context.extensionUri, 'chat.js', 'Ragstar chat', BODY, STYLE);
  }

  clear(): void {
    this.running?.cancel();
    this.threadId = undefined;
    this.tell({ kind: 'clear' });
  }

  private tell(message: unknown): void {
    void this.view?.webview.postMessage(message);
  }

  private async hear(message: FromPage): Promise<void> {
    switch (message.kind) {
      case 'ready':
        break;
      case 'ask':
        await this.ask(message.message, message.withSelection);
        break;
      case 'stop':
        this.running?.cancel();
        break;
      case 'open':
        await openAt(message.uri, message.range, vscode.ViewColumn.One);
        break;
      case 'rate': {
        const params = { answerId: message.answerId, rating: message.rating };
        const done = await this.server.request('ragstar/feedback', params).catch((error: unknown) => String(error));
        this.tell({ kind: 'rated', answerId: message.answerId, problem: typeof done === 'string' ? done : undefined });
        break;
      }
      case 'copy':
        await vscode.env.clipboard.writeText(message.text);
        break;
      case 'insert': {
        const editor = vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0];
        await editor?.edit((edit) => edit.replace(editor.selection, message.text));
        break;
      }
    }
  }

  private async ask(message: string, withSelection: boolean): Promise<void> {
    const client = this.server.client;
    if (!client?.isRunning()) {
      this.tell({ kind: 'failed', why: 'The server is not running; "Ragstar: Show output" says why.' });
      return;
    }
    this.running?.cancel();
    const running = new vscode.CancellationTokenSource();
    this.running = running;
    const token = `ragstar-chat-${++this.questions}`;
    // What is asked about: the file in front, and what is selected there.
    const editor = vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0];
    const isFile = editor?.document.uri.scheme === 'file';
    const document = isFile ? { textDocument: { uri: editor.document.uri.toString() } } : {};
    const selected = isFile && withSelection && !editor.selection.isEmpty;
    const selection = selected ? { selection: client.code2ProtocolConverter.asRange(editor.selection) } : {};
    const thread = this.threadId ? { threadId: this.threadId } : {};
    const progress = client.onNotification('$/progress', (params: { token: string; value: Progress }) => {
      if (params.token === token) {
        this.tell({ kind: 'progress', value: params.value });
      }
    });
    try {
      const params = { message, partialResultToken: token, ...document, ...selection, ...thread };
      const answer = await this.server.request<Answer>('ragstar/chat', params, running.token);
      if (answer) {
        this.threadId = answer.threadId;
        this.tell({ kind: 'answer', answer });
      }
    } catch (error) {
      const why = running.token.isCancellationRequested ? 'Stopped.' : error instanceof Error ? error.message : String(error);
      this.tell({ kind: 'failed', why });
    } finally {
      progress.dispose();
      running.dispose();
      if (this.running === running) {
        this.running = undefined;
      }
    }
  }

  dispose(): void {
    this.running?.cancel();
    this.registration.dispose();
  }
}
