import assert from 'node:assert/strict';
import { test } from 'node:test';
import { citationText, toHtml } from '../src/chat/markdown';
import { translate } from '../src/position-map';

test('answers bring no HTML, no pictures and no odd links', () => {
  const made = toHtml('<script>x</script> ![a](https://b/c.png) [d](command:e) [f](https://g)');
  assert.ok(!/<script|<img|command:e"/.test(made), made);
  assert.ok(made.includes('href="https://g"'));
  assert.ok(toHtml('```sql\nselect 1\n```').includes('hljs-keyword'));
});

test('citations say where they are', () => {
  assert.equal(citationText({ uniqueId: 'model.p.a', column: 'id', uri: 'file:///x/my%20model.sql', range: { start: { line: 4, character: 0 }, end: { line: 4, character: 1 } } }), 'model.p.a.id (my model.sql:5)');
  assert.equal(citationText({ uniqueId: 'metric.p.m' }), 'metric.p.m');
});

test('places move between a model and its SQL', () => {
  const range = (line: number, start: number, end: number) => ({ start: { line, character: start }, end: { line, character: end } });
  const map = [
    { compiled: range(0, 0, 14), source: range(0, 0, 14) },
    { compiled: range(0, 14, 30), source: range(0, 17, 25) },
  ];
  assert.deepEqual(translate(map, 'source', { line: 0, character: 7 }), { line: 0, character: 7 });
  assert.deepEqual(translate(map, 'compiled', { line: 0, character: 20 }), { line: 0, character: 23 });
  assert.deepEqual(translate(map, 'compiled', { line: 0, character: 29 }), { line: 0, character: 17 });
  assert.equal(translate(map, 'source', { line: 9, character: 0 }), undefined);
});
