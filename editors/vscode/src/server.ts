// The language server's process: started, restarted, asked.

import * as vscode from 'vscode';
import {
  LanguageClient,
  type CancellationToken,
  type ClientCapabilities,
  type LanguageClientOptions,
  type ServerOptions,
  type StaticFeature,
} from 'vscode-languageclient/node';
import { findBinary } from './binary';

const LANGUAGES = ['sql', 'jinja-sql', 'snowflake-sql', 'yaml', 'jinja-yaml', 'markdown', 'csv', 'python'];

/** Tells the server which commands of its lenses are run here. */
class OwnCommands implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    const commands = ['ragstar.showReferences', 'ragstar.showLineage', 'ragstar.showCompiled'];
    capabilities.experimental = { ...(capabilities.experimental as object | undefined), ragstar: { commands } };
  }
  initialize(): void {}
  getState(): { kind: 'static' } {
    return { kind: 'static' };
  }
  clear(): void {}
}

export type Phase = 'starting' | 'running' | 'stopped' | 'missing';

export class Server implements vscode.Disposable {
  readonly output = vscode.window.createOutputChannel('Ragstar');
  client: LanguageClient | undefined;
  phase: Phase = 'stopped';
  private readonly changed = new vscode.EventEmitter<void>();
  /** Told when the server starts, runs, ends. */
  readonly onDidChange = this.changed.event;
  private readonly settings: vscode.Disposable;

  constructor(private readonly context: vscode.ExtensionContext) {
    this.settings = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('ragstar.server')) {
        void this.restart();
      }
    });
  }

  async start(): Promise<void> {
    const settings = vscode.workspace.getConfiguration('ragstar');
    const found = findBinary({
      setting: settings.get<string>('server.path', ''),
      extension: this.context.extensionPath,
      path: process.env['PATH'] ?? '',
    });
    if ('missing' in found) {
      this.enter('missing');
      this.output.appendLine(found.missing);
      void this.sayMissing(found.missing);
      return;
    }
    const command = {
      command: found.program,
      args: ['lsp', ...settings.get<string[]>('server.arguments', [])],
      options: { env: { ...process.env, ...settings.get<Record<string, string>>('server.environment', {}) } },
    };
    const server: ServerOptions = { run: command, debug: command };
    const options: LanguageClientOptions = {
      documentSelector: LANGUAGES.map((language) => ({ scheme: 'file', language })),
      outputChannel: this.output,
      synchronize: { configurationSection: 'ragstar' },
      initializationOptions: { ragstar: settings },
      markdown: { isTrusted: false, supportHtml: false },
    };
    const client = new LanguageClient('ragstar', 'Ragstar', server, options);
    client.registerFeature(new OwnCommands());
    client.onDidChangeState(() => this.enter(client.isRunning() ? 'running' : 'stopped'));
    this.client = client;
    this.enter('starting');
    try {
      await client.start();
      this.enter('running');
    } catch (error) {
      this.enter('stopped');
      this.output.appendLine(String(error));
      void vscode.window.showErrorMessage(`Ragstar did not start: ${String(error)}`, 'Show output').then((chosen) => chosen && this.output.show());
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Asks the server; nothing where it doesn't run, or says no. */
  async request<T>(method: string, params: unknown, token?: CancellationToken): Promise<T | undefined> {
    if (!this.client?.isRunning()) {
      return undefined;
    }
    return token ? this.client.sendRequest<T>(method, params, token) : this.client.sendRequest<T>(method, params);
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.changed.fire();
  }

  private async sayMissing(why: string): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(`Ragstar can't start: ${why}.`, 'Open settings', 'How to install');
    if (chosen === 'Open settings') {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'ragstar.server.path');
    } else if (chosen) {
      await vscode.commands.executeCommand('workbench.action.openWalkthrough', `${this.context.extension.id}#start`, false);
    }
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // A server that hangs must not keep the new one from starting.
    await client?.stop(2000).catch(() => undefined);
    await client?.dispose().catch(() => undefined);
  }

  dispose(): void {
    this.settings.dispose();
    void this.stop();
    this.changed.dispose();
    this.output.dispose();
  }
}
