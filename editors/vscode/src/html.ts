// The page around a webview's script: nothing but that script and its own styles may run in it.

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

export function page(webview: vscode.Webview, extension: vscode.Uri, script: string, title: string, body: string, style: string): string {
  const nonce = randomBytes(16).toString('base64');
  const source = webview.asWebviewUri(vscode.Uri.joinPath(extension, 'dist', script)).toString();
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; font-src ${webview.cspSource}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>${body}<script nonce="${nonce}" src="${source}"></script></body>
</html>`;
}

/** Opens a file at a place that the server named. */
export async function openAt(uri: string, range: { start: { line: number; character: number } } | undefined, column?: vscode.ViewColumn): Promise<void> {
  const at = new vscode.Position(range?.start.line ?? 0, range?.start.character ?? 0);
  const options = { selection: new vscode.Range(at, at), preview: true, ...(column === undefined ? {} : { viewColumn: column }) };
  try {
    await vscode.window.showTextDocument(vscode.Uri.parse(uri), options);
  } catch {
    void vscode.window.showWarningMessage(`${vscode.Uri.parse(uri).fsPath} can't be opened; it may be gone.`);
  }
}
