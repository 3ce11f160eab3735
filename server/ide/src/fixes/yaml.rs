//! Places in YAML: lines, the mapping around a key, the list around an entry.

use syntax::yaml::{Kind, Node};
use syntax::yaml_edit::{Step, line_start};
use text::TextRange;

/// The column of an offset, in bytes.
pub(super) fn column(text: &str, offset: usize) -> usize {
    offset - line_start(text, offset)
}

/// The way to the innermost entry of a list that holds a range.
pub(super) fn path_to_item(node: &Node, range: TextRange) -> Option<Vec<Step>> {
    if node.is_alias || !node.range.contains_range(range) {
        return None;
    }
    let below = |step: Step, next: &Node| {
        let mut path = path_to_item(next, range)?;
        path.insert(0, step);
        Some(path)
    };
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::Map { entries, .. } => entries.iter().find_map(|(key, value)| below(Step::key(key.as_str()?), value)),
        Kind::Seq { items, .. } => {
            let at = items.iter().position(|item| item.range.contains_range(range))?;
            below(Step::Item(at), &items[at]).or_else(|| Some(vec![Step::Item(at)]))
        }
    }
}

/// The way to the mapping that has the key at a range.
pub(super) fn path_to_key(node: &Node, range: TextRange) -> Option<Vec<Step>> {
    if node.is_alias {
        return None;
    }
    let below = |step: Step, next: &Node| {
        let mut path = path_to_key(next, range)?;
        path.insert(0, step);
        Some(path)
    };
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::Map { entries, .. } => entries.iter().find_map(|(key, value)| match key.range == range {
            true => Some(Vec::new()),
            false => below(Step::key(key.as_str()?), value),
        }),
        Kind::Seq { items, .. } => items.iter().enumerate().find_map(|(place, item)| below(Step::Item(place), item)),
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
