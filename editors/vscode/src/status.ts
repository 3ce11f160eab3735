// The item in the status bar: the project, and how it is.

import * as vscode from 'vscode';
import type { Status } from './protocol';
import type { Server } from './server';

/** Diagnostics come in bursts; the server is asked when they have settled. */
const QUIET_MS = 700;

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('ragstar.status', vscode.StatusBarAlignment.Left, 1);
  private readonly subscriptions: vscode.Disposable[];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly server: Server) {
    this.item.name = 'Ragstar';
    this.item.command = 'ragstar.statusMenu';
    this.subscriptions = [
      server.onDidChange(() => this.soon()),
      vscode.languages.onDidChangeDiagnostics(() => this.soon()),
      vscode.commands.registerCommand('ragstar.statusMenu', () => this.menu()),
    ];
    this.soon();
    this.item.show();
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.update(), QUIET_MS);
    if (this.server.phase !== 'running') {
      const texts = { starting: '$(loading~spin) Ragstar', stopped: '$(circle-slash) Ragstar', missing: '$(error) Ragstar', running: 'Ragstar' };
      this.item.text = texts[this.server.phase];
      this.item.tooltip = this.server.phase === 'missing' ? 'The program `ragstar` was not found.' : `The server is ${this.server.phase}.`;
    }
  }

  private async update(): Promise<void> {
    const status = await this.server.request<Status>('ragstar/status', {}).catch(() => undefined);
    if (!status) {
      return;
    }
    const [first, ...others] = status.projects;
    if (!first) {
      this.item.text = '$(check) Ragstar';
      this.item.tooltip = 'No dbt project is open.';
      return;
    }
    const icon = first.loaded ? (first.errors > 0 ? '$(error)' : first.warnings > 0 ? '$(warning)' : '$(check)') : '$(loading~spin)';
    this.item.text = `${icon} ${first.project}${others.length > 0 ? ` +${others.length}` : ''}`;
    const lines = status.projects.map((project) => {
      const counts = Object.entries(project.counts).map(([kind, count]) => `${count} ${kind}`);
      const model = project.model ? `answers by ${project.model}` : 'no language model is set up';
      return `**${project.project}**: ${counts.join(', ')}\n\n${project.errors} errors, ${project.warnings} warnings; ${model}`;
    });
    this.item.tooltip = new vscode.MarkdownString([`Ragstar ${status.version}`, ...lines].join('\n\n'));
  }

  private async menu(): Promise<void> {
    const entries = [
      { label: '$(type-hierarchy) Show lineage', command: 'ragstar.showLineage' },
      { label: '$(open-preview) Show compiled SQL', command: 'ragstar.showCompiled' },
      { label: '$(go-to-file) Open YAML of model', command: 'ragstar.openYamlOfModel' },
      { label: '$(comment-discussion) Open chat', command: 'ragstar.openChat' },
      { label: '$(debug-restart) Restart server', command: 'ragstar.restart' },
      { label: '$(output) Show output', command: 'ragstar.showOutput' },
    ];
    const chosen = await vscode.window.showQuickPick(entries, { placeHolder: 'Ragstar' });
    if (chosen) {
      await vscode.commands.executeCommand(chosen.command);
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.subscriptions.forEach((one) => one.dispose());
    this.item.dispose();
  }
}
