//! Migrations of what is deprecated to what takes its place.

use super::yaml::{column, entry_of_key, path_to_key};
use super::{FixKind, Fixes, rewritten};
use crate::File;
use crate::lints::is_test_config;
use dbt::{Diagnostic, FileKind};
use syntax::yaml::{self, Kind, Node};
use syntax::yaml_edit::{Step, indented, key_lines, move_key};
use text::{Edit, TextRange, apply_edits};

pub(super) fn mend(fixes: &mut Fixes<'_>, found: &Diagnostic) {
    if found.code == "deprecated"
        && let Some((title, edits)) = migration(&fixes.file.text, found.place.range)
    {
        let change = fixes.here(edits);
        fixes.push(title, FixKind::Quick, change, Some(found), true);
    }
}

/// All of a file at once.
pub(super) fn mend_all(fixes: &mut Fixes<'_>, found: &[Diagnostic]) {
    let is_here = found.iter().any(|found| found.code == "deprecated" && fixes.is_on_line_of(found.place.range));
    if !is_here {
        return;
    }
    let mut text = fixes.file.text.to_string();
    // From the end, so that what stands before stays where it is; an edit may reach over another, which is then found anew.
    let mut places: Vec<TextRange> = found.iter().filter(|found| found.code == "deprecated").map(|found| found.place.range).collect();
    places.sort();
    let mut count = 0;
    for place in places.into_iter().rev() {
        let Some((_, edits)) = migration(&text, place) else { continue };
        if let Ok(made) = apply_edits(&text, &edits) {
            text = made;
            count += 1;
        }
    }
    if count > 1 {
        let change = rewritten(fixes.file.path.to_path_buf(), &fixes.file.text, &text, false);
        fixes.push("Migrate all deprecated keys of this file", FixKind::Source, change, None, false);
    }
}

/// What a deprecated key becomes: the title, and edits after which the file is still YAML.
fn migration(text: &str, place: TextRange) -> Option<(String, Vec<Edit>)> {
    let tree = yaml::parse(text);
    let root = tree.root.as_ref().filter(|_| tree.error.is_none())?;
    let (map, key, value) = entry_of_key(root, place)?;
    let name = key.as_str()?;
    let (title, edits) = match name {
        "tests" => renamed(key, "data_tests"),
        "source-paths" => renamed(key, "model-paths"),
        "data-paths" => renamed(key, "seed-paths"),
        "overrides" | "log-path" | "target-path" => return None,
        _ if map.entries().len() == 1 && matches!(value.kind, Kind::Map { .. }) && !is_moved(name) => {
            (format!("Move the arguments of `{name}` below `arguments`"), arguments(text, value)?)
        }
        _ => (format!("Move `{name}` below `config`"), below_config(text, root, key)?),
    };
    let made = apply_edits(text, &edits).ok()?;
    yaml::parse(&made).error.is_none().then_some((title, edits))
}

fn is_moved(name: &str) -> bool {
    crate::words::ConfigWord::find(name).is_some()
}

fn renamed(key: &Node, name: &str) -> (String, Vec<Edit>) {
    (format!("Rename to `{name}`"), vec![Edit::replace(key.range, name)])
}

/// `values: …` to `arguments: {values: …}`, configs and names aside.
fn arguments(text: &str, value: &Node) -> Option<Vec<Edit>> {
    let stays = |key: &Node| key.as_str().is_some_and(|key| matches!(key, "config" | "name" | "description" | "column_name") || is_test_config(key));
    let Kind::Map { entries, flow } = &value.kind else { return None };
    let moved: Vec<&(Node, Node)> = entries.iter().filter(|(key, _)| !stays(key)).collect();
    let (first, last) = (moved.first()?, moved.last()?);
    if *flow {
        // Only where they stand together.
        let range = TextRange { start: first.0.range.start, end: last.1.range.end };
        let together = entries.iter().filter(|(key, _)| range.contains_range(key.range)).count() == moved.len();
        return together.then(|| vec![Edit::replace(range, format!("arguments: {{{}}}", range.of(text)))]);
    }
    let pad = " ".repeat(column(text, first.0.range.start as usize));
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edits = Vec::new();
    for (number, (key, value)) in moved.iter().enumerate() {
        let lines = key_lines(text, key, value)?;
        let head = if number == 0 { format!("{pad}arguments:{newline}") } else { String::new() };
        let body = indented(lines.of(text), 2);
        if number > 0 {
            // They have to follow one another below one key.
            let before = key_lines(text, &moved[number - 1].0, &moved[number - 1].1)?;
            if before.end != lines.start {
                return None;
            }
        }
        edits.push(Edit::replace(lines, format!("{head}{body}")));
    }
    Some(edits)
}

/// A key to the end of `config:`, which is made where it is missing.
fn below_config(text: &str, root: &Node, key: &Node) -> Option<Vec<Edit>> {
    let path = path_to_key(root, key.range)?;
    move_key(text, &path, key.as_str()?, &[&path[..], &[Step::key("config")]].concat()).ok()
}

/// The description at the cursor into a docs block, with a `doc()` in its place; offered whether something is wrong or not.
pub(super) fn docs_block(fixes: &mut Fixes<'_>, entry: &Node, label: &str) {
    let text = &*fixes.file.text;
    let Some((_, value)) = entry.get_entry("description") else { return };
    let Some(written) = value.as_str().filter(|written| !written.trim().is_empty() && !written.contains("{{") && !value.is_alias) else { return };
    if !fixes.touches(value.range) {
        return;
    }
    let name: String = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if fixes.analysis.index.docs.iter().any(|docs| docs.name == name) {
        return;
    }
    let folder = fixes.file.path.parent().unwrap_or(&fixes.analysis.root);
    let own = fixes
        .analysis
        .files
        .values()
        .find(|file: &&std::sync::Arc<File>| file.kind == FileKind::Docs && file.path.parent() == Some(folder) && !file.facts.blocks.is_empty());
    let path = own.map_or_else(|| folder.join("_docs.md"), |file| file.path.to_path_buf());
    let (before, create) = fixes.analysis.text_or_new(&path);
    let gap = if before.is_empty() || before.ends_with("\n\n") {
        ""
    } else if before.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    let after = format!("{before}{gap}{{% docs {name} %}}\n{}\n{{% enddocs %}}\n", written.trim());
    let mut change = rewritten(path, &before, &after, create);
    let end = value.range.start as usize + value.range.of(text).trim_end().len();
    let range = TextRange::new(value.range.start as usize, end);
    change.edits.extend(fixes.here(vec![Edit::replace(range, format!("\"{{{{ doc('{name}') }}}}\""))]).edits);
    fixes.push(format!("Move description into a docs block `{name}`"), FixKind::Refactor, change, None, false);
}
