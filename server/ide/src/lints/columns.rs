//! Columns of properties files against those that SQL makes.

use super::Found;
use crate::spelling::closest;
use crate::thing::{inner, is_word};
use dbt::{NodeIndex, ResourceType, Severity};
use rustc_hash::FxHashMap;
use syntax::yaml::Node;
use text::TextRange;

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
        relationships(found, root);
        let named = described.iter().filter_map(|&index| Some((analysis.index.nodes[index].patch.as_ref()?.name.range, index)));
        // The versions of a model share one entry; its first stands for them.
        let by_name: FxHashMap<TextRange, NodeIndex> = named.rev().collect();
        for entry in ["models", "seeds", "snapshots"].iter().filter_map(|section| root.get(section)).flat_map(Node::items) {
            let name = entry.get("name").filter(|_| !entry.is_alias);
            if let Some(&index) = name.and_then(|name| by_name.get(&name.range)) {
                of_resource(found, entry, index);
            }
        }
    }
}

/// Tests of a whole resource that name its columns.
fn of_resource(found: &mut Found<'_>, entry: &Node, index: NodeIndex) {
    let lists = ["data_tests", "tests"].iter().filter_map(|key| entry.get(key));
    for test in lists.flat_map(Node::items).filter(|test| !test.is_alias) {
        let [(name, value)] = test.entries() else { continue };
        // What the arguments of other tests mean is theirs to say.
        let name = name.as_str().unwrap_or_default();
        let is_known = matches!(name, "unique" | "not_null" | "accepted_values" | "relationships");
        if !is_known && !["dbt_utils.", "dbt_expectations."].iter().any(|package| name.starts_with(package)) {
            continue;
        }
        let arguments = [Some(value), value.get("arguments")];
        for name in arguments.into_iter().flatten().flat_map(|arguments| [arguments.get("column_name"), arguments.get("combination_of_columns")]).flatten() {
            for name in std::iter::once(name).chain(name.items()) {
                unknown(found, index, name);
            }
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
    if let Some(other) = other {
        unknown(found, other, field);
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
