// The requests that LSP doesn't have, as the server's `custom.rs` describes them.

export interface Position {
  line: number;
  character: number;
}

export interface Range {
  start: Position;
  end: Position;
}

export interface LineageColumn {
  name: string;
  type?: string;
  description?: string;
}

export interface LineageNode {
  uniqueId: string;
  label: string;
  resourceType: string;
  materialized?: string;
  package: string;
  path: string;
  uri?: string;
  range?: Range;
  description?: string;
  tests: number;
  /** How many direct ones it has in all. */
  upstream: number;
  downstream: number;
  columns: LineageColumn[];
}

export interface ColumnEnd {
  uniqueId: string;
  column: string;
}

export interface Lineage {
  root: string | null;
  nodes: LineageNode[];
  edges: { from: string; to: string }[];
  columnEdges: { from: ColumnEnd; to: ColumnEnd }[];
  more: boolean;
}

export interface Compiled {
  uniqueId: string | null;
  sql: string;
  map: { compiled: Range; source: Range }[];
  errors: { message: string; range: Range }[];
  note?: string;
}

export interface Status {
  version: string;
  projects: {
    project: string;
    root: string;
    loaded: boolean;
    counts: Record<string, number>;
    errors: number;
    warnings: number;
    model: string | null;
  }[];
}

export interface Citation {
  uniqueId: string;
  column?: string;
  uri?: string;
  range?: Range;
}

export interface Answer {
  answerId: string;
  threadId: string;
  markdown: string;
  citations: Citation[];
  sql?: string;
  missing?: string | string[];
}

export type Progress = { kind: 'text'; text: string } | { kind: 'step'; title: string };
