//! The project as texts to be searched.

use crate::ports::{Chunk, ColumnRow, NodeRow};
use dbt::{Node, NodeIndex, ResourceType};
use ide::Analysis;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// MiniLM reads 256 word pieces; this many characters are fewer.
const MAX_CHUNK: usize = 800;
/// A row of an index has 8 KB for several names.
const MAX_NAME: usize = 1000;
/// Of a model's SQL this much is searchable.
const MAX_SQL: usize = 6000;

/// A row for everything that people can ask about.
pub fn rows(analysis: &Analysis) -> Vec<NodeRow> {
    let index = &analysis.index;
    let mut rows: Vec<NodeRow> = (0..index.nodes.len())
        .filter(|&at| !index.nodes[at].resource_type.is_test() && index.nodes[at].resource_type != ResourceType::Operation)
        .map(|at| node_row(analysis, at))
        .collect();
    for found in index.macros.iter().filter(|found| found.package == index.project && !found.is_generic_test) {
        let description = found.description.as_ref().map(|description| description.text.clone());
        let mut body = format!("macro {}\n", found.signature());
        if let Some(description) = &description {
            body.push_str(description);
        }
        rows.push(NodeRow {
            unique_id: found.unique_id.to_string(),
            resource_type: "macro".to_owned(),
            name: found.name.clone(),
            label: found.name.clone(),
            package: found.package.to_string(),
            path: found.path.to_string(),
            description,
            chunks: vec![Chunk::prose(clip(&body.replace('_', " "), MAX_CHUNK))],
            body,
            ..NodeRow::default()
        });
    }
    for docs in index.docs.iter().filter(|docs| docs.package == index.project && docs.name != "__overview__") {
        rows.push(NodeRow {
            unique_id: docs.unique_id.to_string(),
            resource_type: "doc".to_owned(),
            name: docs.name.clone(),
            label: docs.name.clone(),
            package: docs.package.to_string(),
            description: Some(docs.text.clone()),
            chunks: pieces(&docs.name, &docs.text).into_iter().map(Chunk::prose).collect(),
            body: docs.text.clone(),
            ..NodeRow::default()
        });
    }
    let mut seen = std::collections::HashSet::new();
    rows.retain(|row| row.unique_id.len() <= MAX_NAME && seen.insert(row.unique_id.clone()));
    for row in &mut rows {
        clean(row);
        row.content_hash = hash(row);
    }
    rows
}

/// What no database takes: NUL characters anywhere, names too long to index. A file that holds such must not keep the others out.
fn clean(row: &mut NodeRow) {
    let strip = |text: &mut String| {
        if text.contains('\0') {
            *text = text.replace('\0', "\u{fffd}");
        }
    };
    for text in [&mut row.unique_id, &mut row.name, &mut row.label, &mut row.package, &mut row.path, &mut row.body] {
        strip(text);
    }
    row.description.iter_mut().chain(&mut row.materialized).chain(&mut row.tags).chain(&mut row.upstream).for_each(strip);
    row.chunks.iter_mut().for_each(|chunk| strip(&mut chunk.text));
    for column in &mut row.columns {
        strip(&mut column.name);
        column.name = clip(&column.name, MAX_NAME);
        column.data_type.iter_mut().chain(&mut column.description).for_each(strip);
    }
    row.upstream.retain(|id| id.len() <= MAX_NAME);
}

fn node_row(analysis: &Analysis, at: NodeIndex) -> NodeRow {
    let node = &analysis.index.nodes[at];
    let columns = node.columns.values().map(|column| ColumnRow {
        name: column.name.to_string(),
        data_type: column.shown_type().map(str::to_owned),
        description: column.description.as_ref().map(|description| description.text.clone()).filter(|text| !text.trim().is_empty()),
    });
    let columns: Vec<ColumnRow> = columns.collect();
    let description = node.description.as_ref().map(|description| description.text.clone()).filter(|text| !text.trim().is_empty());
    let head = head(node);
    let mut chunks: Vec<Chunk> = pieces(&head, &full_description(node, description.as_deref())).into_iter().map(Chunk::prose).collect();
    chunks.extend(column_pieces(&head, &columns).into_iter().map(Chunk::prose));
    if let Some(sql) = sql_of(analysis, at) {
        chunks.push(Chunk::code(clip(&format!("{head}: sql\n{sql}"), MAX_SQL)));
    }
    let upstream: Vec<String> = node.depends_on.iter().map(|&parent| analysis.index.nodes[parent].unique_id.to_string()).collect();
    NodeRow {
        unique_id: node.unique_id.to_string(),
        resource_type: node.resource_type.as_str().to_owned(),
        name: node.name.clone(),
        label: node.label(),
        package: node.package.to_string(),
        path: node.path.to_string(),
        description,
        materialized: node.config.materialized.as_deref().map(str::to_owned),
        tags: node.config.tags.to_vec(),
        content_hash: Vec::new(),
        columns,
        upstream,
        body: facts(analysis, at, usize::MAX),
        chunks,
    }
}

/// What is known of a node, as plain lines for a language model: no tables, which small models copy and large ones pay for. At
/// most `limit` bytes; what is cut comes last.
pub fn facts(analysis: &Analysis, at: NodeIndex, limit: usize) -> String {
    let node = &analysis.index.nodes[at];
    let mut text = format!("`{}` is a {}", node.label(), node.resource_type);
    if let Some(materialized) = node.config.materialized.as_ref().filter(|_| node.resource_type == ResourceType::Model) {
        let _ = write!(text, ", materialized as {materialized}");
    }
    text.push_str(".\n");
    let description = node.description.as_ref().map(|description| one_line(&description.text)).filter(|text| !text.is_empty());
    let _ = writeln!(text, "Description: {}", description.as_deref().unwrap_or("none"));
    if let Some(source) = &node.source_description {
        let _ = writeln!(text, "Its source: {}", one_line(&source.text));
    }
    for (label, nodes) in [("Built from", node.depends_on.as_slice()), ("Read by", analysis.index.children[at].as_slice())] {
        let names = labels(analysis, nodes, 20);
        if !names.is_empty() {
            let _ = writeln!(text, "{label}: {names}");
        }
    }
    for (label, value) in &node.details {
        let _ = writeln!(text, "{label}: {}", one_line(value));
    }
    if !node.config.tags.is_empty() {
        let _ = writeln!(text, "Tags: {}", node.config.tags.join(", "));
    }
    if !node.columns.is_empty() {
        text.push_str("Columns:\n");
        for column in node.columns.values() {
            let _ = write!(text, "- `{}`", column.name);
            if let Some(data_type) = column.shown_type() {
                let _ = write!(text, " {data_type}");
            }
            if let Some(description) = column.description.as_ref().filter(|description| !description.text.trim().is_empty()) {
                let _ = write!(text, ": {}", clip(&one_line(&description.text), 160));
            }
            // Accepted values and what a key refers to say what a column means.
            let said = |test: &dbt::TestUse| match test.arguments.as_slice() {
                [] => test.name.clone(),
                arguments => format!("{} ({})", test.name, clip(&one_line(&arguments.join("; ")), 200)),
            };
            let tests: Vec<String> = column.tests.iter().map(said).collect();
            if !tests.is_empty() {
                let _ = write!(text, " [tests: {}]", tests.join(", "));
            }
            text.push('\n');
        }
    }
    clip(text.trim_end(), limit)
}

/// Labels of nodes other than tests, and how many were left out.
pub fn labels(analysis: &Analysis, nodes: &[usize], most: usize) -> String {
    let names: Vec<String> =
        nodes.iter().map(|&node| &analysis.index.nodes[node]).filter(|node| !node.resource_type.is_test()).map(|node| format!("`{}`", node.label())).collect();
    let more = names.len().saturating_sub(most);
    let shown = names.into_iter().take(most).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// `fct_orders (model)`: the name twice, once as words.
fn head(node: &Node) -> String {
    let label = node.label();
    let words = label.replace(['_', '.'], " ");
    if words == label { format!("{label} ({})", node.resource_type) } else { format!("{label} ({}, {words})", node.resource_type) }
}

fn full_description(node: &Node, description: Option<&str>) -> String {
    let mut text = description.unwrap_or_default().to_owned();
    if let Some(source) = &node.source_description {
        let _ = write!(text, " {}", source.text);
    }
    for (label, value) in &node.details {
        let _ = write!(text, " {label}: {value}.");
    }
    text
}

/// The SQL of a model, an analysis or a snapshot.
pub fn sql_of(analysis: &Analysis, at: NodeIndex) -> Option<String> {
    let node = &analysis.index.nodes[at];
    let file = analysis.file(node.place.file).filter(|file| file.kind.is_sql() || file.kind == dbt::FileKind::PythonModel)?;
    Some(file.text.to_string())
}

/// Text cut at sentences into pieces that each start with what they are about.
fn pieces(head: &str, text: &str) -> Vec<String> {
    let text = one_line(text);
    let mut pieces = Vec::new();
    let mut piece = format!("{head}: ");
    let empty = piece.len();
    for sentence in text.split_inclusive(". ") {
        if piece.len() > empty && piece.len() + sentence.len() > MAX_CHUNK {
            pieces.push(std::mem::replace(&mut piece, format!("{head}: ")));
        }
        piece.push_str(&clip(sentence, MAX_CHUNK));
    }
    pieces.push(piece.trim_end_matches([' ', ':']).to_owned());
    pieces
}

fn column_pieces(head: &str, columns: &[ColumnRow]) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut piece = String::new();
    for column in columns {
        let text = match &column.description {
            Some(description) => format!("{}: {}", column.name.replace('_', " "), one_line(description)),
            None => column.name.replace('_', " "),
        };
        let text = clip(&text, MAX_CHUNK / 2);
        if !piece.is_empty() && piece.len() + text.len() > MAX_CHUNK - 100 {
            pieces.push(std::mem::take(&mut piece));
        }
        if !piece.is_empty() {
            piece.push_str("; ");
        }
        piece.push_str(&text);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces.into_iter().map(|piece| format!("columns of {head}: {piece}")).collect()
}

/// A text with single blanks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `limit` bytes, cut at a character.
pub fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

fn hash(row: &NodeRow) -> Vec<u8> {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for text in [&row.resource_type, &row.name, &row.label, &row.package, &row.path, &row.body] {
        part(text);
    }
    part(row.materialized.as_deref().unwrap_or(""));
    row.tags.iter().chain(&row.upstream).chain(row.chunks.iter().map(|chunk| &chunk.text)).for_each(|text| part(text));
    for column in &row.columns {
        part(&column.name);
        part(column.data_type.as_deref().unwrap_or(""));
        part(column.description.as_deref().unwrap_or(""));
    }
    hasher.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_start_with_what_they_are_about() {
        let made = pieces("a (model)", &"One sentence of some length here. ".repeat(60));
        assert!(made.len() > 1);
        assert!(made.iter().all(|piece| piece.starts_with("a (model): One") && piece.len() <= MAX_CHUNK + 40));
        assert_eq!(pieces("a (model)", ""), ["a (model)"]);
    }
}
