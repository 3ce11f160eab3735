import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caption, columnId, columnPath, drawnColumns, elements, merged } from '../src/lineage/graph';
import type { Lineage, LineageNode } from '../src/protocol';

function node(label: string, more: Partial<LineageNode> = {}): LineageNode {
  return { uniqueId: `model.p.${label}`, label, resourceType: 'model', package: 'p', path: '', tests: 0, upstream: 0, downstream: 0, columns: [], ...more };
}

const lineage: Lineage = {
  root: 'model.p.b',
  nodes: [
    node('a', { upstream: 2, downstream: 1, columns: [{ name: 'x' }, { name: 'id' }] }),
    node('b', { upstream: 1, materialized: 'table', columns: [{ name: 'ID' }, { name: 'n' }] }),
  ],
  edges: [{ from: 'model.p.a', to: 'model.p.b' }],
  columnEdges: [{ from: { uniqueId: 'model.p.a', column: 'id' }, to: { uniqueId: 'model.p.b', column: 'ID' } }],
  more: false,
};
const [a, b] = lineage.nodes as [LineageNode, LineageNode];

test('a node says how many neighbours are not shown', () => {
  assert.equal(caption(lineage, a), '+2 ◂ a\nmodel');
  assert.equal(caption(lineage, b), 'b\ntable');
});

test('columns that edges touch come first, and their edges take the place of the boxes\'', () => {
  assert.deepEqual(drawnColumns(lineage, a), ['id', 'x']);
  const plain = elements({ lineage, columns: false });
  assert.deepEqual(plain.map((one) => one.data.id), ['model.p.a', 'model.p.b', 'model.p.a>model.p.b']);
  const open = elements({ lineage, columns: true });
  assert.equal(open.filter((one) => one.classes === 'column').length, 4);
  assert.deepEqual(open.filter((one) => one.data.source).map((one) => one.classes), ['column-edge']);
});

test('a column leads to all that it comes from and goes to', () => {
  const c: Lineage = {
    ...lineage,
    columnEdges: [...lineage.columnEdges, { from: { uniqueId: 'model.p.b', column: 'id' }, to: { uniqueId: 'model.p.c', column: 'k' } }],
  };
  const path = columnPath(c, { uniqueId: 'model.p.b', column: 'id' });
  assert.deepEqual([...path].sort(), ['a', 'b', 'c'].map((name) => columnId({ uniqueId: `model.p.${name}`, column: name === 'c' ? 'k' : 'id' })));
});

test('what is added is there once', () => {
  const both = merged(lineage, { ...lineage, root: 'model.p.a', nodes: [a, node('z')], edges: [...lineage.edges, { from: 'model.p.z', to: 'model.p.a' }] });
  assert.deepEqual([both.root, both.nodes.length, both.edges.length, both.columnEdges.length], ['model.p.b', 3, 2, 1]);
});
