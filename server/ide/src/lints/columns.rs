//! Columns of properties files against those that SQL makes.

use super::Found;
use crate::thing::inner;
use dbt::{NodeIndex, ResourceType, Severity};
use syntax::yaml::{self, Node};

pub(super) fn check(found: &mut Found<'_>) {
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
                    meant(&column.name, made.columns.iter().map(|column| column.name.as_str()))
                );
                found.tell(entry.range, Severity::Warning, "column-not-made", message);
            }
        }
        let Some(patch) = node.patch.as_ref().filter(|patch| patch.name.file == found.file.id && node.version.is_none()) else { continue };
        let lacking: Vec<&str> = made.columns.iter().map(|column| column.name.as_str()).filter(|name| node.column(name).is_none()).collect();
        if !lacking.is_empty() {
            let shown = lacking.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let more = if lacking.len() > 5 { format!(" and {} more", lacking.len() - 5) } else { String::new() };
            let message = format!("`{}` makes columns that this entry doesn't name: {shown}{more}", node.label());
            found.tell(patch.name.range, Severity::Hint, "missing-column", message);
        }
    }
    if !found.is_off("test-on-unknown-column") && found.file.text.contains("relationships") {
        let tree = yaml::parse(&found.file.text);
        if let Some(root) = &tree.root {
            relationships(found, root);
        }
    }
}

/// `relationships` whose `field` the other table provably doesn't have.
fn relationships(found: &mut Found<'_>, node: &Node) {
    for (key, value) in node.entries() {
        if key.as_str().is_some_and(|key| key == "relationships" || key == "dbt.relationships") {
            let arguments = value.get("arguments").unwrap_or(value);
            if let (Some(to), Some(field)) = (arguments.get_str("to"), arguments.get("field")) {
                unknown_field(found, to, field);
            }
        }
        relationships(found, value);
    }
    node.items().iter().filter(|item| !item.is_alias).for_each(|item| relationships(found, item));
}

fn unknown_field(found: &mut Found<'_>, to: &str, field: &Node) {
    let analysis = found.analysis;
    let expression = if to.contains("{{") { to.to_owned() } else { format!("{{{{ {to} }}}}") };
    let used = dbt::uses_in(&expression).into_iter().next();
    let other: Option<NodeIndex> = used.and_then(|used| analysis.index.resolve(&used.target, analysis.package_of(found.file)));
    let (Some(other), Some(name)) = (other, field.as_str()) else { return };
    let made = analysis.made(other);
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if made.is_complete && is_name && made.get(name).is_none() {
        let label = analysis.index.nodes[other].label();
        let message = format!("`{label}` has no column `{name}`{}", meant(name, made.columns.iter().map(|column| column.name.as_str())));
        found.tell(inner(&found.file.text, field.range), Severity::Warning, "test-on-unknown-column", message);
    }
}

/// The name that was probably meant, as the end of a sentence.
pub(super) fn meant<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> String {
    let best = names.map(|name| (strsim::damerau_levenshtein(written, name), name)).min();
    best.filter(|(distance, _)| *distance <= written.chars().count().max(3) / 3).map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default()
}
