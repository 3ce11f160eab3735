// Places of a model's text and of the SQL that it comes to.

import type { Compiled, Position, Range } from './protocol';

function isBefore(left: Position, right: Position): boolean {
  return left.line < right.line || (left.line === right.line && left.character <= right.character);
}

function holds(range: Range, at: Position): boolean {
  return isBefore(range.start, at) && isBefore(at, range.end);
}

/** Where a place of one text is in the other: in a part that is the same, as far behind its start; else at its start. */
export function translate(map: Compiled['map'], from: 'compiled' | 'source', at: Position): Position | undefined {
  const to = from === 'compiled' ? 'source' : 'compiled';
  const part = map.find((one) => holds(one[from], at));
  if (!part) {
    return undefined;
  }
  const [own, other] = [part[from], part[to]];
  const lines = (range: Range): number => range.end.line - range.start.line;
  const isSame = lines(own) === lines(other) && (own.end.character === other.end.character || lines(own) === 0);
  if (!isSame) {
    return other.start;
  }
  const line = at.line - own.start.line;
  const character = line === 0 ? other.start.character + at.character - own.start.character : at.character;
  const moved = { line: other.start.line + line, character };
  return holds(other, moved) ? moved : other.start;
}
