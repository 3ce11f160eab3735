// Draws the lineage. Runs in the webview.

import cytoscape, { type Core, type NodeSingular } from 'cytoscape';
import dagre from 'cytoscape-dagre';
import type { Lineage, LineageNode } from '../protocol';
import { columnPath, elements, hidden, merged } from './graph';

declare function acquireVsCodeApi(): { postMessage(message: unknown): void };

const vscode = acquireVsCodeApi();
cytoscape.use(dagre);

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const color = (name: string, otherwise: string): string => getComputedStyle(document.body).getPropertyValue(`--vscode-${name}`).trim() || otherwise;

let lineage: Lineage | null = null;
let showsColumns = false;
const cy: Core = cytoscape({ container: byId('graph'), minZoom: 0.05, maxZoom: 3, wheelSensitivity: 0.25, boxSelectionEnabled: false });

function style(): void {
  const text = color('foreground', '#888');
  const border = color('panel-border', '#888');
  const box = color('editorWidget-background', '#8882');
  const edge = color('descriptionForeground', '#888');
  const focus = color('focusBorder', '#07f');
  const font = color('font-family', 'sans-serif');
  const kinds: Record<string, string> = {
    source: color('charts-green', '#4a4'),
    seed: color('charts-yellow', '#aa4'),
    model: color('charts-blue', '#44a'),
    snapshot: color('charts-purple', '#a4a'),
    exposure: color('charts-orange', '#a84'),
    metric: color('charts-red', '#a44'),
    semantic_model: color('charts-red', '#a44'),
  };
  cy.style([
    {
      selector: 'node',
      style: {
        shape: 'round-rectangle', width: 'label', height: 'label', padding: '9px', label: 'data(label)', 'text-wrap': 'wrap', 'text-valign': 'center',
        'text-halign': 'center', 'font-size': 12, 'font-family': font, 'line-height': 1.3, color: text, 'background-color': box, 'border-width': 1.5, 'border-color': border,
      },
    },
    ...Object.entries(kinds).map(([kind, value]) => ({ selector: `node.${kind}`, style: { 'border-color': value } })),
    { selector: 'node.open', style: { 'text-valign': 'top' as const, 'text-margin-y': -4, padding: '6px', 'background-opacity': 0.6 } },
    { selector: 'node.column', style: { padding: '4px', 'font-size': 10, 'border-width': 0, 'background-color': color('editor-background', '#fff') } },
    { selector: 'node.root', style: { 'border-width': 3 } },
    { selector: 'node:selected', style: { 'border-color': focus, 'border-width': 3 } },
    {
      selector: 'edge',
      style: { width: 1.3, 'line-color': edge, 'target-arrow-color': edge, 'target-arrow-shape': 'triangle', 'arrow-scale': 0.8, 'curve-style': 'bezier', opacity: 0.7 },
    },
    { selector: 'edge.column-edge', style: { width: 1, 'arrow-scale': 0.6 } },
    { selector: '.path', style: { 'line-color': focus, 'target-arrow-color': focus, opacity: 1, width: 2 } },
    { selector: 'node.column.path', style: { 'background-color': color('list-activeSelectionBackground', '#07f'), color: color('list-activeSelectionForeground', '#fff') } },
    { selector: '.dim', style: { opacity: 0.25 } },
  ] as cytoscape.StylesheetJson);
}

function columnsBelowEachOther(): void {
  // The layout knows boxes; inside of one its columns stand in a row from top to bottom.
  cy.nodes('.open').forEach((node) => {
    const columns = node.children();
    if (columns.length === 0) {
      return;
    }
    const height = 24;
    const center = node.position();
    columns.forEach((column, number) => {
      column.position({ x: center.x, y: center.y + (number - (columns.length - 1) / 2) * height });
    });
  });
}

function layout(keepsPlace: boolean): void {
  const place = { zoom: cy.zoom(), pan: { ...cy.pan() } };
  const boxes = cy.nodes().filter((node) => node.isOrphan());
  if (showsColumns) {
    // Boxes are laid out as tall as their columns will be.
    const tall = new Map(boxes.map((node) => [node.id(), Math.max(1, (node as NodeSingular).children().length)]));
    const plain = cytoscape({
      headless: true,
      styleEnabled: true,
      elements: [
        ...boxes.map((node) => ({ data: { id: node.id(), height: (tall.get(node.id()) ?? 1) * 24 + 30 } })),
        ...(lineage?.edges ?? []).filter((edge) => tall.has(edge.from) && tall.has(edge.to)).map((edge) => ({ data: { source: edge.from, target: edge.to } })),
      ],
      style: [{ selector: 'node', style: { width: 190, height: 'data(height)', shape: 'rectangle' } }],
    });
    plain.layout({ name: 'dagre', rankDir: 'LR', nodeSep: 24, rankSep: 90 } as cytoscape.LayoutOptions).run();
    plain.nodes().forEach((node) => {
      const own = cy.getElementById(node.id());
      const columns = own.children();
      if (columns.length === 0) {
        own.position(node.position());
      }
      columns.forEach((column) => void column.position(node.position()));
    });
    columnsBelowEachOther();
  } else {
    cy.layout({ name: 'dagre', rankDir: 'LR', nodeSep: 18, rankSep: 70, animate: false, fit: false } as cytoscape.LayoutOptions).run();
  }
  if (keepsPlace) {
    cy.viewport(place);
  } else {
    fit();
  }
}

function fit(): void {
  cy.fit(undefined, 30);
  if (cy.zoom() > 1.2) {
    cy.zoom(1.2);
    cy.center();
  }
}

function draw(keepsPlace: boolean): void {
  const selected = cy.$('node:selected').first().id();
  cy.elements().remove();
  byId('empty').hidden = !!lineage?.root;
  if (lineage?.root) {
    cy.add(elements({ lineage, columns: showsColumns }));
    layout(keepsPlace);
    select(cy.getElementById(selected ?? lineage.root), false);
  } else {
    byId('card').hidden = true;
  }
  search();
}

function nodeOf(id: string): LineageNode | undefined {
  return lineage?.nodes.find((node) => node.uniqueId === id);
}

function select(target: cytoscape.CollectionReturnValue | NodeSingular, shows: boolean): void {
  cy.$('node:selected').unselect();
  target.select();
  const node = nodeOf(target.id() ?? '');
  if (node && shows) {
    card(node);
  }
}

function card(node: LineageNode): void {
  const box = byId('card');
  const line = (text: string, name = ''): void => {
    const p = document.createElement('p');
    p.textContent = text;
    p.className = name;
    box.append(p);
  };
  box.replaceChildren();
  const head = document.createElement('h2');
  head.textContent = node.label;
  box.append(head);
  line(`${node.resourceType}${node.materialized ? ` · ${node.materialized}` : ''} · ${node.package}`, 'dim');
  if (node.description) {
    line(node.description);
  }
  line(`${node.upstream} upstream, ${node.downstream} downstream, ${node.tests} tests, ${node.columns.length} columns`, 'dim');
  const button = (text: string, run: () => void): void => {
    const made = document.createElement('button');
    made.textContent = text;
    made.addEventListener('click', run);
    box.append(made);
  };
  if (node.uri) {
    button('Open', () => open(node));
  }
  const more = lineage ? hidden(lineage, node) : { upstream: 0, downstream: 0 };
  if (more.upstream > 0) {
    button(`Show ${more.upstream} more upstream`, () => vscode.postMessage({ kind: 'expand', uniqueId: node.uniqueId, upstream: 1, downstream: 0 }));
  }
  if (more.downstream > 0) {
    button(`Show ${more.downstream} more downstream`, () => vscode.postMessage({ kind: 'expand', uniqueId: node.uniqueId, upstream: 0, downstream: 1 }));
  }
  box.hidden = false;
}

function open(node: LineageNode): void {
  if (node.uri) {
    vscode.postMessage({ kind: 'open', uri: node.uri, range: node.range });
  }
}

function search(): void {
  const wanted = byId<HTMLInputElement>('search').value.trim().toLowerCase();
  cy.elements().removeClass('dim');
  if (wanted === '') {
    return;
  }
  const found = cy.nodes().filter((node) => String(node.data('search') ?? '').includes(wanted));
  cy.elements().difference(found.union(found.children())).addClass('dim');
}

cy.on('tap', 'node', (event) => {
  const target = event.target as NodeSingular;
  cy.elements().removeClass('path');
  if (target.hasClass('column') && lineage) {
    const path = columnPath(lineage, { uniqueId: String(target.data('node')), column: String(target.data('column')) });
    cy.nodes('.column').filter((node) => path.has(node.id())).addClass('path');
    cy.edges('.column-edge').filter((edge) => path.has(edge.source().id()) && path.has(edge.target().id())).addClass('path');
    return;
  }
  select(target, true);
});
cy.on('tap', (event) => {
  if (event.target === cy) {
    cy.elements().removeClass('path');
    byId('card').hidden = true;
  }
});
cy.on('dbltap', 'node', (event) => {
  const target = event.target as NodeSingular;
  const node = nodeOf(target.hasClass('column') ? String(target.data('node')) : target.id());
  if (node) {
    open(node);
  }
});

// The keyboard goes along edges and among what stands above and below.
byId('graph').addEventListener('keydown', (event) => {
  const selected = cy.nodes(':selected');
  if (selected.empty()) {
    return;
  }
  const at = selected.first() as NodeSingular;
  const node = nodeOf(at.id());
  const height = (one: NodeSingular): number => one.position('y');
  const boxes = (all: cytoscape.Collection): NodeSingular[] => all.nodes().toArray().map((one) => one as NodeSingular).filter((one) => one.isOrphan());
  const nearest = (all: cytoscape.Collection): NodeSingular | undefined => boxes(all).sort((left, right) => height(left) - height(right))[0];
  const beside = (isBelow: boolean): NodeSingular | undefined => {
    const isThere = (one: NodeSingular): boolean => (isBelow ? height(one) > height(at) : height(one) < height(at));
    const column = boxes(cy.elements()).filter((one) => Math.abs(one.position('x') - at.position('x')) < 120 && isThere(one));
    return column.sort((left, right) => Math.abs(height(left) - height(at)) - Math.abs(height(right) - height(at)))[0];
  };
  const next: Record<string, () => NodeSingular | undefined> = {
    ArrowLeft: () => nearest(at.incomers()),
    ArrowRight: () => nearest(at.outgoers()),
    ArrowDown: () => beside(true),
    ArrowUp: () => beside(false),
  };
  const go = next[event.key];
  if (go) {
    const target = go();
    if (target) {
      select(target, true);
      cy.animate({ center: { eles: target }, duration: 120 });
    }
    event.preventDefault();
  } else if (event.key === 'Enter' && node) {
    open(node);
  }
});

for (const id of ['up', 'down']) {
  const box = byId<HTMLSelectElement>(id);
  for (const steps of [0, 1, 2, 3, 5, 10]) {
    box.add(new Option(steps === 10 ? 'all' : String(steps), String(steps === 10 ? 1000 : steps), steps === 2, steps === 2));
  }
  box.addEventListener('change', () => {
    const steps = (name: string): number => Number(byId<HTMLSelectElement>(name).value);
    vscode.postMessage({ kind: 'depth', upstream: steps('up'), downstream: steps('down') });
  });
}
byId('search').addEventListener('input', search);
byId('search').addEventListener('keydown', (event) => {
  if ((event as KeyboardEvent).key === 'Enter') {
    const found = cy.nodes().toArray().map((node) => node as NodeSingular).find((node) => node.isOrphan() && !node.hasClass('dim'));
    if (found) {
      select(found, true);
      cy.animate({ center: { eles: found }, duration: 150 });
    }
  }
});
byId<HTMLInputElement>('columns').addEventListener('change', (event) => {
  showsColumns = (event.target as HTMLInputElement).checked;
  draw(false);
});
byId<HTMLInputElement>('pin').addEventListener('change', (event) => vscode.postMessage({ kind: 'pin', pinned: (event.target as HTMLInputElement).checked }));
byId('fit').addEventListener('click', fit);
const zoom = (by: number): void => void cy.zoom({ level: cy.zoom() * by, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
byId('in').addEventListener('click', () => zoom(1.25));
byId('out').addEventListener('click', () => zoom(0.8));
new MutationObserver(style).observe(document.body, { attributes: true, attributeFilter: ['class'] });

window.addEventListener('message', (event: MessageEvent<{ kind: string; lineage: Lineage | null; again?: boolean }>) => {
  if (event.data.kind === 'graph') {
    const isSame = !!event.data.again && lineage?.root === event.data.lineage?.root;
    lineage = event.data.lineage;
    draw(isSame);
  } else if (event.data.kind === 'more' && lineage && event.data.lineage) {
    lineage = merged(lineage, event.data.lineage);
    draw(true);
  }
});
style();
vscode.postMessage({ kind: 'ready' });
