// Starts the server and offers what it can do beyond the language server protocol.

import * as vscode from 'vscode';
import { ChatView } from './chat/view';
import { Server } from './server';
import { CompiledSql } from './compiled';
import { LineagePanel } from './lineage/panel';
import { StatusItem } from './status';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const server = new Server(context);
  const compiled = new CompiledSql(server);
  const lineage = new LineagePanel(context, server);
  const chat = new ChatView(context, server);
  const status = new StatusItem(server);
  context.subscriptions.push(server, compiled, lineage, chat, status);

  const command = (name: string, run: (...given: never[]) => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(name, run));
  };
  command('ragstar.restart', () => server.restart());
  command('ragstar.showOutput', () => server.output.show());
  command('ragstar.showLineage', (target?: { uniqueId?: string; uri?: string }) => lineage.show(target ?? {}));
  command('ragstar.showCompiled', (target?: { uri?: string }) => compiled.show(target?.uri));
  command('ragstar.openChat', () => vscode.commands.executeCommand('ragstar.chat.focus'));
  command('ragstar.newChat', () => chat.clear());
  command('ragstar.openYamlOfModel', async () => {
    const uri = vscode.window.activeTextEditor?.document.uri;
    if (!uri) {
      void vscode.window.showInformationMessage('Open a model first.');
      return;
    }
    await server.request('workspace/executeCommand', { command: 'ragstar.openYaml', arguments: [{ uri: uri.toString() }] });
  });
  // The server's lenses name places as the protocol has them.
  command('ragstar.showReferences', async (uri: string, position: unknown, locations: unknown[]) => {
    const client = server.client;
    if (client) {
      const convert = client.protocol2CodeConverter;
      const at = convert.asPosition(position as Parameters<typeof convert.asPosition>[0]);
      const places = locations.map((location) => convert.asLocation(location as Parameters<typeof convert.asLocation>[0]));
      await vscode.commands.executeCommand('editor.action.showReferences', vscode.Uri.parse(uri), at, places);
    }
  });
  await vscode.commands.executeCommand('setContext', 'ragstar.active', true);
  await server.start();
}
