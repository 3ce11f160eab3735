// The server's graph as what is drawn: nodes, columns inside of them, edges of both.

import type { ElementDefinition } from 'cytoscape';
import type { ColumnEnd, Lineage, LineageNode } from '../protocol';

/** More columns than these make a node that nobody can see as one. */
export const MAX_COLUMNS = 30;

export interface Wish {
  columns: boolean;
  /** Nodes whose neighbours are all shown have no sign for more. */
  lineage: Lineage;
}

export function columnId(end: ColumnEnd): string {
  return `${end.uniqueId}\u0000${end.column.toLowerCase()}`;
}

/** How many direct neighbours of a node are not in the graph. */
export function hidden(lineage: Lineage, node: LineageNode): { upstream: number; downstream: number } {
  const shownUp = lineage.edges.filter((edge) => edge.to === node.uniqueId).length;
  const shownDown = lineage.edges.filter((edge) => edge.from === node.uniqueId).length;
  return { upstream: Math.max(0, node.upstream - shownUp), downstream: Math.max(0, node.downstream - shownDown) };
}

/** What stands in a node. */
export function caption(lineage: Lineage, node: LineageNode): string {
  const more = hidden(lineage, node);
  const left = more.upstream > 0 ? `+${more.upstream} ◂ ` : '';
  const right = more.downstream > 0 ? ` ▸ +${more.downstream}` : '';
  const kind = node.materialized && node.resourceType === 'model' ? node.materialized : node.resourceType;
  return `${left}${node.label}${right}\n${kind}`;
}

/** The columns of a node that are drawn: those that edges touch first, for they are what is looked for. */
export function drawnColumns(lineage: Lineage, node: LineageNode): string[] {
  const touched = new Set<string>();
  for (const edge of lineage.columnEdges) {
    for (const end of [edge.from, edge.to]) {
      if (end.uniqueId === node.uniqueId) {
        touched.add(end.column.toLowerCase());
      }
    }
  }
  const names = node.columns.map((column) => column.name);
  const isTouched = (name: string): boolean => touched.has(name.toLowerCase());
  return [...names.filter(isTouched), ...names.filter((name) => !isTouched(name))].slice(0, MAX_COLUMNS);
}

export function elements({ lineage, columns }: Wish): ElementDefinition[] {
  const made: ElementDefinition[] = [];
  const drawn = new Set<string>();
  for (const node of lineage.nodes) {
    const isOpen = columns && node.columns.length > 0;
    const classes = [node.resourceType, node.uniqueId === lineage.root ? 'root' : '', isOpen ? 'open' : ''].filter((name) => name !== '');
    made.push({ data: { id: node.uniqueId, label: caption(lineage, node), search: node.label.toLowerCase() }, classes: classes.join(' ') });
    if (columns) {
      for (const name of drawnColumns(lineage, node)) {
        const id = columnId({ uniqueId: node.uniqueId, column: name });
        drawn.add(id);
        made.push({ data: { id, parent: node.uniqueId, label: name, column: name, node: node.uniqueId }, classes: 'column' });
      }
    }
  }
  const shown = new Set(lineage.nodes.map((node) => node.uniqueId));
  const joined = new Set<string>();
  if (columns) {
    for (const edge of lineage.columnEdges) {
      const [from, to] = [columnId(edge.from), columnId(edge.to)];
      if (drawn.has(from) && drawn.has(to)) {
        joined.add(`${edge.from.uniqueId} ${edge.to.uniqueId}`);
        made.push({ data: { id: `${from}>${to}`, source: from, target: to }, classes: 'column-edge' });
      }
    }
  }
  for (const edge of lineage.edges) {
    // Where columns show it, a second line from box to box says nothing.
    if (shown.has(edge.from) && shown.has(edge.to) && !joined.has(`${edge.from} ${edge.to}`)) {
      made.push({ data: { id: `${edge.from}>${edge.to}`, source: edge.from, target: edge.to } });
    }
  }
  return made;
}

/** Everything that a column comes from and goes to. */
export function columnPath(lineage: Lineage, start: ColumnEnd): Set<string> {
  const found = new Set([columnId(start)]);
  for (const isDownstream of [true, false]) {
    const pending = [columnId(start)];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      for (const edge of lineage.columnEdges) {
        const [from, to] = isDownstream ? [columnId(edge.from), columnId(edge.to)] : [columnId(edge.to), columnId(edge.from)];
        if (from === at && !found.has(to)) {
          found.add(to);
          pending.push(to);
        }
      }
    }
  }
  return found;
}

/** Two answers as one graph, so that what was opened stays. */
export function merged(old: Lineage, added: Lineage): Lineage {
  const byId = new Map([...old.nodes, ...added.nodes].map((node) => [node.uniqueId, node]));
  const unique = <T>(all: T[], key: (one: T) => string): T[] => [...new Map(all.map((one) => [key(one), one])).values()];
  return {
    root: old.root,
    nodes: [...byId.values()],
    edges: unique([...old.edges, ...added.edges], (edge) => `${edge.from} ${edge.to}`),
    columnEdges: unique([...old.columnEdges, ...added.columnEdges], (edge) => `${columnId(edge.from)} ${columnId(edge.to)}`),
    more: old.more || added.more,
  };
}
