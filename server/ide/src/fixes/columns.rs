//! Entries and their columns: added, taken out, put in order.

use super::{FixKind, Fixes, rewritten, step};
use crate::DescribeTarget;
use dbt::{Diagnostic, FileKind, NodeIndex, ResourceType};
use syntax::yaml;
use syntax::yaml_edit::{self, Step};

pub(super) fn mend(fixes: &mut Fixes<'_>, found: &Diagnostic) {
    match found.code {
        "missing-column" => {
            let described = fixes.analysis.index.nodes_described_in(fixes.file.id);
            let is_here = |index: &&NodeIndex| fixes.analysis.index.nodes[**index].patch.as_ref().is_some_and(|patch| patch.name.range == found.place.range);
            if let Some(&index) = described.iter().find(is_here) {
                missing_columns(fixes, index, Some(found));
            }
        }
        "column-not-made" => remove_column(fixes, found),
        _ => {}
    }
}

/// What isn't wrong, and can be done all the same.
pub(super) fn offer(fixes: &mut Fixes<'_>) {
    let analysis = fixes.analysis;
    if fixes.file.kind == FileKind::Properties {
        // An entry that names no column at all isn't told of, and what a version lacks neither.
        let untold = analysis.index.nodes_described_in(fixes.file.id).iter().copied().filter(|&index| {
            let node = &analysis.index.nodes[index];
            let is_untold = node.columns.is_empty() || node.version.is_some();
            is_untold && node.patch.as_ref().is_some_and(|patch| fixes.is_on_line_of(patch.name.range))
        });
        let untold: Vec<NodeIndex> = untold.collect();
        untold.into_iter().for_each(|index| missing_columns(fixes, index, None));
        return sort_columns(fixes);
    }
    for &index in analysis.index.nodes_of_file(fixes.file.id) {
        let node = &analysis.index.nodes[index];
        let takes_entry = matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot);
        if takes_entry && node.patch.is_none() {
            add_entry(fixes, index);
        }
    }
}

/// The entry of a node, with all the columns that it is known to make.
fn add_entry(fixes: &mut Fixes<'_>, index: NodeIndex) {
    let analysis = fixes.analysis;
    let label = analysis.index.nodes[index].label();
    let (path, steps) = analysis.entry_of(index);
    let (before, create) = analysis.text_or_new(&path);
    let mut after = before.clone();
    if after.trim().is_empty() {
        after.push_str(crate::NEW_PROPERTIES);
    }
    let Ok(edits) = yaml_edit::add_entry(&after, &steps) else { return };
    if !step(&mut after, edits) {
        return;
    }
    for column in &analysis.made(index).columns {
        let mut steps = steps.clone();
        steps.extend([Step::key("columns"), Step::named(&column.name)]);
        let Ok(edits) = yaml_edit::add_entry(&after, &steps) else { return };
        if !step(&mut after, edits) {
            return;
        }
    }
    fixes.push(format!("Add `{label}` to YAML"), FixKind::Refactor, rewritten(path, &before, &after, create), None, false);
}

/// The columns that a node's entry lacks, behind those that it has; of a version into its own list where it has one, else into that of all
/// versions, if all make them.
fn missing_columns(fixes: &mut Fixes<'_>, index: NodeIndex, found: Option<&Diagnostic>) {
    let analysis = fixes.analysis;
    let node = &analysis.index.nodes[index];
    let others: Vec<NodeIndex> = analysis.versions_beside(index).collect();
    let mut after = fixes.file.text.to_string();
    for column in analysis.made(index).columns.iter().filter(|column| node.column(&column.name).is_none()) {
        let target = DescribeTarget::of(node, Some(&column.name));
        let steps = analysis.steps_to(index, &target);
        let is_of_all = || others.iter().all(|&other| analysis.made(other).get(&column.name).is_some());
        if !others.is_empty() && !steps.contains(&Step::key("versions")) && !is_of_all() {
            continue;
        }
        let first = crate::describing::first_of_version(&after, &steps, None);
        let Ok(edits) = first.unwrap_or_else(|| yaml_edit::add_entry(&after, &steps)) else { continue };
        if !step(&mut after, edits) {
            return;
        }
    }
    if after == *fixes.file.text {
        return;
    }
    let change = rewritten(fixes.file.path.to_path_buf(), &fixes.file.text, &after, false);
    let kind = if found.is_some() { FixKind::Quick } else { FixKind::Refactor };
    fixes.push(format!("Add missing columns to `{}`", node.label()), kind, change, found, found.is_some());
}

/// Takes a column's entry out; the last one of a list with the list.
fn remove_column(fixes: &mut Fixes<'_>, found: &Diagnostic) {
    let text = &*fixes.file.text;
    let tree = yaml::parse(text);
    let Some(root) = &tree.root else { return };
    let Some(path) = super::yaml::path_to_item(root, found.place.range) else { return };
    let (list, is_only) = match path.as_slice() {
        [list @ .., Step::Item(_)] => (list, yaml_edit::find(root, list).is_some_and(|list| list.items().len() == 1)),
        _ => return,
    };
    let edits = match list {
        [owner @ .., Step::Key(columns)] if is_only => yaml_edit::remove_key(text, owner, columns),
        _ => yaml_edit::remove_entry(text, &path),
    };
    let Ok(edits) = edits else { return };
    let name = super::inner_name(text, found.place.range);
    let change = fixes.here(edits);
    fixes.push(format!("Remove column `{name}`"), FixKind::Quick, change, Some(found), false);
}

/// The columns of the entry at the cursor in the order of the SQL.
fn sort_columns(fixes: &mut Fixes<'_>) {
    let analysis = fixes.analysis;
    let text = &*fixes.file.text;
    for &index in analysis.index.nodes_described_in(fixes.file.id) {
        let node = &analysis.index.nodes[index];
        let Some(patch) = node.patch.as_ref().filter(|patch| fixes.touches(patch.place.range)) else { continue };
        // Of the versions that share an entry the latest says the order.
        if node.version.is_some() && analysis.index.resolve_ref(Some(&node.package), &node.name, None, &node.package) != Some(index) {
            continue;
        }
        let made = analysis.made(index);
        let tree = yaml::parse(text);
        let entry = tree.root.as_ref().and_then(|root| yaml_edit::find(root, &patch.path));
        let Some(list) = entry.and_then(|entry| entry.get("columns")) else { continue };
        let names: Vec<Option<&str>> = list.items().iter().map(|item| item.get_str("name")).collect();
        let place = |name: &Option<&str>| name.and_then(|name| made.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)));
        // What the SQL isn't known to make goes to the end, as it stands.
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|&at| (place(&names[at]).unwrap_or(usize::MAX), at));
        if order.iter().enumerate().all(|(at, from)| at == *from) || made.columns.is_empty() {
            continue;
        }
        let path = [&patch.path[..], &[Step::key("columns")]].concat();
        let Ok(edits) = yaml_edit::reorder(text, &path, &order) else { continue };
        let change = fixes.here(edits);
        fixes.push(format!("Sort columns of `{}` as the SQL has them", node.label()), FixKind::Refactor, change, None, false);
    }
}
