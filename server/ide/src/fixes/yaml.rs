//! Whole lines of YAML: those of a list's entries, of a key.

use syntax::yaml::{Kind, Node};
use text::TextRange;

/// A list in block style.
pub(super) struct Block {
    /// The lines of each entry, with the comments above it, from line start to behind the line end; one follows another.
    pub items: Vec<TextRange>,
}

/// The lines of a block list's entries; `None` for flow style, aliases, and what shares its lines with something else.
pub(super) fn entry_lines(text: &str, list: &Node) -> Option<Block> {
    let Kind::Seq { items, flow: false } = &list.kind else { return None };
    if list.is_alias || items.is_empty() {
        return None;
    }
    let mut ends = Vec::new();
    for item in items {
        ends.push(line_end(text, item.range.end as usize));
    }
    let mut lines = Vec::new();
    let mut start = line_start(text, list.range.start as usize);
    // The list may begin on its key's line.
    if !text[start..list.range.start as usize].trim().is_empty() {
        return None;
    }
    for end in ends {
        lines.push(TextRange::new(start, end));
        start = end;
    }
    Some(Block { items: lines })
}

/// The lines of a key and its value in a block mapping, from line start to behind the line end.
pub(super) fn key_lines(text: &str, key: &Node, value: &Node) -> Option<TextRange> {
    let start = line_start(text, key.range.start as usize);
    if !text[start..key.range.start as usize].trim().is_empty() {
        return None;
    }
    let end = if value.range.is_empty() { key.range.end } else { value.range.end };
    Some(TextRange::new(start, line_end(text, end as usize)))
}

pub(super) fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |end| end + 1)
}

/// Behind the line end of the line that holds the last byte before an offset.
pub(super) fn line_end(text: &str, offset: usize) -> usize {
    let last = offset.saturating_sub(1);
    text[last..].find('\n').map_or(text.len(), |end| last + end + 1)
}

/// The column of an offset, in bytes.
pub(super) fn column(text: &str, offset: usize) -> usize {
    offset - line_start(text, offset)
}

/// The innermost list one of whose entries is around a range.
pub(super) fn list_around(node: &Node, range: TextRange) -> Option<&Node> {
    if node.is_alias {
        return None;
    }
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::Map { entries, .. } => entries.iter().find_map(|(_, value)| value.range.contains_range(range).then(|| list_around(value, range)).flatten()),
        Kind::Seq { items, .. } => items.iter().find(|item| item.range.contains_range(range)).and_then(|item| list_around(item, range).or(Some(node))),
    }
}

/// The innermost mapping around a range that has a key, with the key and its value.
pub(super) fn entry_of_key(node: &Node, range: TextRange) -> Option<(&Node, &Node, &Node)> {
    if node.is_alias {
        return None;
    }
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::Map { entries, .. } => entries.iter().find_map(|(key, value)| match key.range == range {
            true => Some((node, key, value)),
            false => entry_of_key(value, range),
        }),
        Kind::Seq { items, .. } => items.iter().find_map(|item| entry_of_key(item, range)),
    }
}

/// Lines moved to the right; empty ones stay empty.
pub(super) fn indented(lines: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    lines.split_inclusive('\n').map(|line| if line.trim().is_empty() { line.to_owned() } else { format!("{pad}{line}") }).collect()
}
