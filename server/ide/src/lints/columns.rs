//! Columns of properties files against those that SQL makes.

use super::Found;
use crate::spelling::closest;
use crate::thing::{inner, is_word};
use dbt::{NodeIndex, ResourceType, Severity};
use syntax::yaml::Node;

pub(super) fn check(found: &mut Found<'_>, root: &Node) {
    let analysis = found.analysis;
    let described = analysis.index.nodes_described_in(found.file.id);
    for &index in described {
        let node = &analysis.index.nodes[index];
        if !matches!(node.resource_type, ResourceType::Model | ResourceType::Seed) || node.columns.is_empty() {
            continue;
        }
        let made = analysis.made(index);
        if made.columns.is_empty() {
            continue;
        }
        for column in node.columns.values().filter(|_| made.is_complete) {
            let Some(entry) = column.entry.filter(|entry| entry.file == found.file.id) else { continue };
            if made.get(&column.name).is_none() {
                let message = format!(
                    "the SQL of `{}` makes no column `{}`; correct the name, or take the entry out{}",
                    node.label(),
                    column.name,
                    meant(&column.name, made.columns.iter().map(|column| &*column.name))
                );
                found.tell(entry.range, Severity::Warning, "column-not-made", message);
            }
        }
        let Some(patch) = node.patch.as_ref().filter(|patch| patch.name.file == found.file.id && node.version.is_none()) else { continue };
        let lacking: Vec<&str> = made.columns.iter().map(|column| &*column.name).filter(|name| node.column(name).is_none()).collect();
        if !lacking.is_empty() {
            let shown = lacking.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let more = if lacking.len() > 5 { format!(" and {} more", lacking.len() - 5) } else { String::new() };
            let message = format!("`{}` makes columns that this entry doesn't name: {shown}{more}", node.label());
            found.tell(patch.name.range, Severity::Hint, "missing-column", message);
        }
    }
    if !found.is_off("test-on-unknown-column") {
        for (index, name) in analysis.columns_in_tests(found.file, root) {
            unknown(found, index, name);
        }
    }
}

/// A column that a test names, and the table that it should be of.
fn unknown(found: &mut Found<'_>, other: NodeIndex, field: &Node) {
    let analysis = found.analysis;
    let Some(name) = field.as_str() else { return };
    let made = analysis.made(other);
    let is_name = name.chars().all(is_word);
    if made.is_complete && is_name && made.get(name).is_none() {
        let label = analysis.index.nodes[other].label();
        let message = format!("`{label}` has no column `{name}`{}", meant(name, made.columns.iter().map(|column| &*column.name)));
        found.tell(inner(&found.file.text, field.range), Severity::Warning, "test-on-unknown-column", message);
    }
}

/// The name that was probably meant, as the end of a sentence.
pub(super) fn meant<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> String {
    closest(written, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
