// Compiled SQL beside its model, as the model stands in the editor.

import * as vscode from 'vscode';
import { translate } from './position-map';
import type { Compiled } from './protocol';
import type { Server } from './server';

const SCHEME = 'ragstar-compiled';
const QUIET_MS = 200;

export class CompiledSql implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly made = new Map<string, Compiled>();
  private readonly subscriptions: vscode.Disposable[];
  private timer: NodeJS.Timeout | undefined;
  /** Whether a selection is being set from the other side. */
  private following = false;

  constructor(private readonly server: Server) {
    this.subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidChangeTextDocument((event) => this.soon(event.document.uri)),
      vscode.window.onDidChangeTextEditorSelection((event) => this.follow(event)),
      vscode.workspace.onDidCloseTextDocument((document) => this.made.delete(document.uri.toString())),
    ];
  }

  async show(uri: string | undefined): Promise<void> {
    const source = uri ? vscode.Uri.parse(uri) : vscode.window.activeTextEditor?.document.uri;
    if (!source || source.scheme !== 'file') {
      void vscode.window.showInformationMessage('Open a model first; its compiled SQL is shown beside it.');
      return;
    }
    const document = await vscode.workspace.openTextDocument(compiledUri(source));
    await vscode.languages.setTextDocumentLanguage(document, 'sql');
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true, preview: true });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const source = sourceUri(uri);
    const params = { textDocument: { uri: source.toString() } };
    const compiled = await this.server.request<Compiled>('ragstar/compiled', params).catch((error: unknown) => String(error));
    if (!compiled || typeof compiled === 'string') {
      return `-- ${compiled ?? 'the server is not running'}\n`;
    }
    const notes = compiled.errors.map((error) => `-- line ${error.range.start.line + 1}: ${error.message}`);
    if (compiled.note) {
      notes.push(`-- as dbt parses it, since it asks the warehouse: ${compiled.note}`);
    }
    // Notes stand behind the SQL, so that its places stay.
    this.made.set(uri.toString(), compiled);
    return notes.length > 0 ? `${compiled.sql}\n\n${notes.join('\n')}\n` : compiled.sql;
  }

  private soon(source: vscode.Uri): void {
    const uri = compiledUri(source);
    if (!vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri.toString())) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed.fire(uri), QUIET_MS);
  }

  /** The cursor on one side shows its place on the other. */
  private follow(event: vscode.TextEditorSelectionChangeEvent): void {
    const selection = event.selections[0];
    if (!selection || this.following || event.kind === undefined) {
      return;
    }
    const isCompiled = event.textEditor.document.uri.scheme === SCHEME;
    const own = event.textEditor.document.uri;
    const [compiledAt, other] = isCompiled ? [own, sourceUri(own)] : [compiledUri(own), compiledUri(own)];
    const map = this.made.get(compiledAt.toString())?.map;
    const editor = vscode.window.visibleTextEditors.find((one) => one.document.uri.toString() === other.toString());
    const place = map && translate(map, isCompiled ? 'compiled' : 'source', selection.active);
    if (editor && place) {
      const at = new vscode.Position(place.line, place.character);
      this.following = true;
      editor.selection = new vscode.Selection(at, at);
      editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
      setTimeout(() => (this.following = false), 50);
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.subscriptions.forEach((one) => one.dispose());
    this.changed.dispose();
  }
}

/** The file's own path, so that the tab says which model it is. */
function compiledUri(source: vscode.Uri): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: source.path, query: source.toString() });
}

function sourceUri(compiled: vscode.Uri): vscode.Uri {
  return vscode.Uri.parse(compiled.query);
}
