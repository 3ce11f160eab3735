// The lineage beside the editor: follows the file that is being worked on, unless it is pinned.

import * as vscode from 'vscode';
import { openAt, page } from '../html';
import type { Lineage, Range } from '../protocol';
import type { Server } from '../server';

type FromPage =
  | { kind: 'ready' }
  | { kind: 'open'; uri: string; range?: Range }
  | { kind: 'expand'; uniqueId: string; upstream: number; downstream: number }
  | { kind: 'depth'; upstream: number; downstream: number }
  | { kind: 'pin'; pinned: boolean };

export class LineagePanel implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private target: { uniqueId?: string; uri?: string } = {};
  private depth = { upstream: 2, downstream: 2 };
  private pinned = false;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
  ) {
    this.subscriptions = [
      vscode.window.onDidChangeActiveTextEditor((editor) => this.follow(editor)),
      vscode.workspace.onDidSaveTextDocument(() => void this.load(true)),
      server.onDidChange(() => void this.load(true)),
    ];
  }

  show(target: { uniqueId?: string; uri?: string }): void {
    const uri = vscode.window.activeTextEditor?.document.uri.toString();
    this.target = target.uniqueId || target.uri ? target : uri ? { uri } : this.target;
    if (this.panel) {
      this.panel.reveal(undefined, true);
      void this.load(false);
      return;
    }
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const dist = vscode.Uri.joinPath(this.context.extensionUri, 'dist');
    const options = { enableScripts: true, retainContextWhenHidden: true, localResourceRoots: [dist] };
    const panel = vscode.window.createWebviewPanel('ragstar.lineage', 'Lineage', place, options);
    this.panel = panel;
    panel.webview.onDidReceiveMessage((message: FromPage) => void this.hear(message));
    panel.onDidDispose(() => (this.panel = undefined));
    panel.webview.html = page(panel.webview, this.context.extensionUri, 'lineage.js', 'Lineage', BODY, STYLE);
  }

  private follow(editor: vscode.TextEditor | undefined): void {
    const uri = editor?.document.uri;
    if (this.panel && !this.pinned && uri?.scheme === 'file' && uri.toString() !== this.target.uri) {
      this.target = { uri: uri.toString() };
      void this.load(false);
    }
  }

  private async ask(target: { uniqueId?: string; uri?: string }, depth: { upstream: number; downstream: number }): Promise<Lineage | undefined> {
    const file = target.uri ? { textDocument: { uri: target.uri } } : {};
    const node = target.uniqueId ? { uniqueId: target.uniqueId } : {};
    return this.server.request<Lineage>('ragstar/lineage', { ...file, ...node, ...depth }).catch(() => undefined);
  }

  /** `again` keeps the place that is looked at. */
  private async load(again: boolean): Promise<void> {
    if (!this.panel) {
      return;
    }
    const lineage = await this.ask(this.target, this.depth);
    // A file without a node, such as a README, leaves what is shown.
    if (lineage?.root || !again) {
      void this.panel?.webview.postMessage({ kind: 'graph', lineage: lineage ?? null, again });
    }
  }

  private async hear(message: FromPage): Promise<void> {
    switch (message.kind) {
      case 'ready':
        await this.load(false);
        break;
      case 'open':
        await openAt(message.uri, message.range, vscode.ViewColumn.One);
        break;
      case 'expand': {
        const added = await this.ask({ uniqueId: message.uniqueId }, { upstream: message.upstream, downstream: message.downstream });
        void this.panel?.webview.postMessage({ kind: 'more', lineage: added ?? null });
        break;
      }
      case 'depth':
        this.depth = { upstream: message.upstream, downstream: message.downstream };
        await this.load(true);
        break;
      case 'pin':
        this.pinned = message.pinned;
        this.follow(vscode.window.activeTextEditor);
        break;
    }
  }

  dispose(): void {
    this.subscriptions.forEach((one) => one.dispose());
    this.panel?.dispose();
  }
}

const BODY = `
<header role="toolbar" aria-label="Lineage">
  <input id="search" type="search" placeholder="Find a node" aria-label="Find a node">
  <label>up <select id="up" aria-label="Steps upstream"></select></label>
  <label>down <select id="down" aria-label="Steps downstream"></select></label>
  <label><input id="columns" type="checkbox"> columns</label>
  <label><input id="pin" type="checkbox"> pin</label>
  <span class="gap"></span>
  <button id="out" title="Zoom out" aria-label="Zoom out">−</button>
  <button id="in" title="Zoom in" aria-label="Zoom in">+</button>
  <button id="fit" title="Show all">fit</button>
</header>
<main id="graph" tabindex="0" aria-label="Lineage graph; arrows move the selection, Enter opens"></main>
<p id="empty" hidden>Open a model, a source or another file of a dbt project to see its lineage.</p>
<aside id="card" hidden></aside>`;

const STYLE = `
html, body { height: 100%; margin: 0; padding: 0; overflow: hidden; color: var(--vscode-foreground); background: var(--vscode-editor-background); font: var(--vscode-font-size) var(--vscode-font-family); }
body { display: flex; flex-direction: column; }
header { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; padding: 6px 8px; border-bottom: 1px solid var(--vscode-panel-border, transparent); }
header label { display: flex; gap: 4px; align-items: center; white-space: nowrap; }
.gap { flex: 1; }
input[type=search], select { color: var(--vscode-input-foreground); background: var(--vscode-input-background); border: 1px solid var(--vscode-input-border, transparent); padding: 2px 6px; font: inherit; }
button { color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); border: none; padding: 3px 9px; cursor: pointer; font: inherit; }
button:hover { background: var(--vscode-button-secondaryHoverBackground); }
:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px; }
#graph { flex: 1; min-height: 0; }
#empty { position: absolute; inset: 45% 0 auto; text-align: center; color: var(--vscode-descriptionForeground); pointer-events: none; }
#card { position: absolute; left: 8px; bottom: 8px; max-width: min(420px, 80%); max-height: 45%; overflow: auto; padding: 8px 12px; background: var(--vscode-editorHoverWidget-background); color: var(--vscode-editorHoverWidget-foreground); border: 1px solid var(--vscode-editorHoverWidget-border); }
#card h2 { margin: 0 0 4px; font-size: 1.1em; }
#card p { margin: 4px 0; }
#card .dim { color: var(--vscode-descriptionForeground); }
#card button { margin: 4px 6px 0 0; }
`;
