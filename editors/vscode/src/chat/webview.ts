// The conversation. Runs in the webview.

import type { Answer, Progress } from '../protocol';
import { citationText, toHtml } from './markdown';

declare function acquireVsCodeApi(): { postMessage(message: unknown): void };

type FromHost =
  | { kind: 'progress'; value: Progress }
  | { kind: 'answer'; answer: Answer }
  | { kind: 'failed'; why: string }
  | { kind: 'rated'; answerId: string; problem?: string }
  | { kind: 'clear' };

const vscode = acquireVsCodeApi();
const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const log = byId('log');
const question = byId<HTMLTextAreaElement>('question');

/** The answer that is being written. */
let open: { box: HTMLElement; step: HTMLElement; text: string } | undefined;

function element(name: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A reader who scrolled up stays where they are. */
function append(change: () => void): void {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (follows) {
    log.scrollTop = log.scrollHeight;
  }
}

function ask(): void {
  const message = question.value.trim();
  if (message === '' || open) {
    return;
  }
  byId('hello').hidden = true;
  const box = element('div', 'answer');
  const step = element('p', 'step', '…');
  append(() => log.append(element('div', 'question', message), box, step));
  log.scrollTop = log.scrollHeight;
  open = { box, step, text: '' };
  question.value = '';
  busy(true);
  vscode.postMessage({ kind: 'ask', message, withSelection: byId<HTMLInputElement>('selection').checked });
}

function busy(is: boolean): void {
  byId('stop').hidden = !is;
  byId<HTMLButtonElement>('ask').disabled = is;
}

function finish(): HTMLElement | undefined {
  const box = open?.box;
  open?.step.remove();
  open = undefined;
  busy(false);
  return box;
}

function withTools(box: HTMLElement): void {
  for (const block of box.querySelectorAll('pre')) {
    const tools = element('div', 'tools');
    const text = block.textContent ?? '';
    for (const kind of ['copy', 'insert']) {
      const button = element('button', '', kind);
      button.addEventListener('click', () => vscode.postMessage({ kind, text }));
      tools.append(button);
    }
    block.append(tools);
  }
}

function show(answer: Answer): void {
  const box = finish();
  if (!box) {
    return;
  }
  const hasSql = answer.sql && !answer.markdown.includes(answer.sql.trim());
  box.innerHTML = toHtml(hasSql ? `${answer.markdown}\n\n\`\`\`sql\n${answer.sql}\n\`\`\`` : answer.markdown);
  withTools(box);
  const missing = Array.isArray(answer.missing) ? answer.missing.join('; ') : answer.missing;
  if (missing) {
    box.append(element('p', 'missing', `Missing: ${missing}`));
  }
  if (answer.citations.length > 0) {
    const list = element('ol', 'sources');
    for (const citation of answer.citations) {
      const item = document.createElement('li');
      if (citation.uri) {
        const link = element('a', '', citationText(citation));
        link.setAttribute('role', 'link');
        link.tabIndex = 0;
        const go = (): void => vscode.postMessage({ kind: 'open', uri: citation.uri, range: citation.range });
        link.addEventListener('click', go);
        link.addEventListener('keydown', (event) => event.key === 'Enter' && go());
        item.append(link);
      } else {
        item.textContent = citationText(citation);
      }
      list.append(item);
    }
    box.append(list);
  }
  const rate = element('div', 'rate');
  for (const [rating, text, title] of [[1, 'Helpful', 'A good answer'], [-1, 'Not helpful', 'Wrong, or no help']] as const) {
    const button = element('button', '', text);
    button.title = title;
    button.dataset['answer'] = answer.answerId;
    button.addEventListener('click', () => {
      rate.querySelectorAll('button').forEach((one) => one.setAttribute('aria-pressed', String(one === button)));
      vscode.postMessage({ kind: 'rate', answerId: answer.answerId, rating });
    });
    rate.append(button);
  }
  box.append(rate);
}

window.addEventListener('message', (event: MessageEvent<FromHost>) => {
  const message = event.data;
  append(() => {
    switch (message.kind) {
      case 'progress':
        if (open && message.value.kind === 'text') {
          open.text += message.value.text;
          open.box.innerHTML = toHtml(open.text);
        } else if (open && message.value.kind === 'step') {
          open.step.textContent = `… ${message.value.title}`;
        }
        break;
      case 'answer':
        show(message.answer);
        break;
      case 'failed':
        // What came so far may be useful.
        finish()?.append(element('p', 'failed', message.why));
        break;
      case 'rated':
        if (message.problem) {
          log.append(element('p', 'failed', message.problem));
        }
        break;
      case 'clear':
        finish();
        log.replaceChildren();
        byId('hello').hidden = false;
        break;
    }
  });
});

byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  ask();
});
byId('stop').addEventListener('click', () => vscode.postMessage({ kind: 'stop' }));
question.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    ask();
  }
});
vscode.postMessage({ kind: 'ready' });
