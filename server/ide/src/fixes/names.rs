//! Unknown names: the one that was meant, or what makes it known.

use super::{FixKind, Fixes, step};
use crate::thing::is_word;
use crate::{Change, FileEdits};
use dbt::{Diagnostic, FileKind, ResourceType, Target};
use syntax::yaml_edit::{self, Step};
use text::Edit;

pub(super) fn mend(fixes: &mut Fixes<'_>, found: &Diagnostic) {
    if let Some(crate::meant::Meant { name, range }) = fixes.analysis.meant(fixes.file, found) {
        let change = fixes.here(vec![Edit::replace(range, name.as_str())]);
        fixes.push(format!("Change to `{name}`"), FixKind::Quick, change, Some(found), true);
    }
    match found.code {
        "unknown-ref" => missing_model(fixes, found),
        "unknown-source" => missing_source(fixes, found),
        "hard-coded-relation" => {
            // The message says what to write.
            let call = found.message.split("write ").nth(1).and_then(|rest| rest.split(", so that").next());
            if let Some(call) = call.map(str::to_owned) {
                let change = fixes.here(vec![Edit::replace(found.place.range, call.as_str())]);
                fixes.push(format!("Use {call}"), FixKind::Quick, change, Some(found), true);
            }
        }
        _ => {}
    }
}

/// A model of the unknown name, beside the file that asks for it.
fn missing_model(fixes: &mut Fixes<'_>, found: &Diagnostic) {
    let used = fixes.file.facts.uses.iter().find(|used| used.name_range == found.place.range);
    let Some(Target::Ref { package: None, name, version: None }) = used.map(|used| &used.target) else { return };
    let is_name = !name.is_empty() && name.chars().all(is_word);
    let folder = if fixes.file.kind == FileKind::Model { fixes.file.path.parent() } else { None };
    let folder =
        folder.map_or_else(|| fixes.analysis.root.join(fixes.analysis.config.model_paths.first().map_or("models", String::as_str)), std::path::Path::to_owned);
    let path = folder.join(format!("{name}.sql"));
    if !is_name || fixes.analysis.file_at(&path).is_some() {
        return;
    }
    let edits = vec![Edit::insert(0, "select\n    1 as id\n")];
    let change = Change { edits: vec![FileEdits { path, create: true, edits }], renames: Vec::new() };
    fixes.push(format!("Create model `{name}`"), FixKind::Quick, change, Some(found), false);
}

/// The table of a source, in the file that has the source or in a new one beside.
fn missing_source(fixes: &mut Fixes<'_>, found: &Diagnostic) {
    let used = fixes.file.facts.uses.iter().find(|used| used.name_range == found.place.range);
    let Some(Target::Source { source, table }) = used.map(|used| &used.target) else { return };
    let analysis = fixes.analysis;
    let known = analysis
        .index
        .nodes
        .iter()
        .find(|node| node.resource_type == ResourceType::Source && node.source_name.as_deref() == Some(source) && *node.package == *analysis.index.project);
    let path = match known.and_then(|node| analysis.file(node.place.file)) {
        Some(file) => file.path.to_path_buf(),
        None => {
            let folder = fixes.file.path.parent().unwrap_or(&analysis.root);
            folder.join(format!("_{source}__sources.yml"))
        }
    };
    let (before, create) = analysis.text_or_new(&path);
    let mut after = before.clone();
    if create {
        after.push_str(crate::NEW_PROPERTIES);
    }
    let steps = [Step::key("sources"), Step::named(source), Step::key("tables"), Step::named(table)];
    let Ok(edits) = yaml_edit::add_entry(&after, &steps) else { return };
    if step(&mut after, edits) {
        let change = super::rewritten(path, &before, &after, create);
        fixes.push(format!("Create source `{source}.{table}`"), FixKind::Quick, change, Some(found), false);
    }
}
