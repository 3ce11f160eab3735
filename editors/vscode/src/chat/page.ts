// The chat's page: what stands in it and how it looks.

export const BODY = `
<main id="log" role="log" aria-live="polite"></main>
<p id="hello">Ask about models, columns, sources, metrics and lineage of this project.</p>
<form id="form">
  <textarea id="question" rows="3" placeholder="How is revenue computed?" aria-label="Question"></textarea>
  <div class="row">
    <label title="What is selected in the editor goes along"><input id="selection" type="checkbox" checked> with selection</label>
    <span class="gap"></span>
    <button id="stop" type="button" hidden>Stop</button>
    <button id="ask" type="submit" class="primary">Ask</button>
  </div>
</form>`;

export const STYLE = `
html, body { height: 100%; margin: 0; padding: 0; color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
body { display: flex; flex-direction: column; }
#log { flex: 1; min-height: 0; overflow-y: auto; padding: 8px 12px; }
#hello { position: absolute; inset: 30% 16px auto; text-align: center; color: var(--vscode-descriptionForeground); pointer-events: none; }
form { padding: 8px 12px 12px; border-top: 1px solid var(--vscode-panel-border, transparent); }
textarea { width: 100%; box-sizing: border-box; resize: vertical; color: var(--vscode-input-foreground); background: var(--vscode-input-background); border: 1px solid var(--vscode-input-border, transparent); padding: 6px 8px; font: inherit; }
.row { display: flex; align-items: center; gap: 8px; margin-top: 6px; }
.row label { display: flex; gap: 4px; align-items: center; color: var(--vscode-descriptionForeground); }
.gap { flex: 1; }
button { color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); border: none; padding: 4px 12px; cursor: pointer; font: inherit; }
button:hover { background: var(--vscode-button-secondaryHoverBackground); }
button.primary { color: var(--vscode-button-foreground); background: var(--vscode-button-background); }
button.primary:hover { background: var(--vscode-button-hoverBackground); }
:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: -1px; }
.question { margin: 12px 0 6px; padding: 6px 10px; background: var(--vscode-editorWidget-background, var(--vscode-input-background)); border-left: 3px solid var(--vscode-focusBorder); white-space: pre-wrap; overflow-wrap: anywhere; }
.answer { overflow-wrap: anywhere; line-height: 1.5; }
.answer p { margin: 6px 0; }
.answer pre { position: relative; overflow-x: auto; padding: 8px 10px; background: var(--vscode-textCodeBlock-background); }
.answer code { font-family: var(--vscode-editor-font-family); font-size: 0.95em; }
.answer table { border-collapse: collapse; }
.answer td, .answer th { border: 1px solid var(--vscode-panel-border, #8884); padding: 2px 8px; }
.tools { position: absolute; top: 4px; right: 4px; display: flex; gap: 4px; opacity: 0; }
pre:hover .tools, .tools:focus-within { opacity: 1; }
.tools button, .rate button { padding: 1px 7px; font-size: 0.9em; }
.step, .missing, .failed { color: var(--vscode-descriptionForeground); font-style: italic; }
.failed { color: var(--vscode-errorForeground); }
.sources { margin: 8px 0 0; padding-left: 1.4em; }
a { color: var(--vscode-textLink-foreground); cursor: pointer; }
.rate { margin: 6px 0 12px; display: flex; gap: 6px; }
.rate button[aria-pressed=true] { color: var(--vscode-button-foreground); background: var(--vscode-button-background); }
.hljs-keyword, .hljs-built_in, .hljs-literal { color: var(--vscode-symbolIcon-keywordForeground, var(--vscode-charts-purple)); }
.hljs-string { color: var(--vscode-charts-orange); }
.hljs-number { color: var(--vscode-charts-green); }
.hljs-comment { color: var(--vscode-descriptionForeground); font-style: italic; }
.hljs-attr { color: var(--vscode-charts-blue); }
`;
