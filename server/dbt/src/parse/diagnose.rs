//! What is wrong in the root project's files; packages are somebody else's.

use super::link::label;
use crate::index::{Diagnostic, Index, Node, PackageInput, Place, Severity};
use crate::properties::{Entry, Section};
use crate::{FileKind, ResourceType, Target};
use rustc_hash::FxHashSet;

pub(super) fn diagnose(index: &mut Index, packages: &[PackageInput]) {
    let Some(root) = packages.first() else { return };
    let mut found = Vec::new();
    let project = index.project.clone();
    // What an evaluated node doesn't ask for stands in a branch that dbt doesn't take.
    let unresolved: FxHashSet<(vfs::FileId, &str)> =
        index.nodes.iter().flat_map(|node| node.unresolved.iter().map(|name| (node.place.file, name.as_str()))).collect();
    let disabled: FxHashSet<&str> = index.disabled.iter().map(|node| node.name.as_str()).collect();
    for file in &root.files {
        let mut add = |range, severity, code, message| found.push(Diagnostic { place: Place { file: file.id, range }, severity, code, message });
        for error in &file.facts.errors {
            let code = if matches!(file.kind, FileKind::Properties | FileKind::Project) { "yaml-syntax" } else { "jinja-syntax" };
            add(error.range, Severity::Error, code, error.message.clone());
        }
        // A macro's names resolve where it is called.
        if file.kind.holds_macros() {
            continue;
        }
        let is_code = file.kind.is_sql() && file.facts.errors.is_empty();
        for used in &file.facts.uses {
            match &used.target {
                Target::Ref { package, name, version } if index.resolve(&used.target, &project).is_none() => {
                    let shown = label(package.as_deref(), name, version.as_deref());
                    if is_code && !unresolved.contains(&(file.id, shown.as_str())) {
                        continue;
                    }
                    let message = match package {
                        Some(package) if !index.packages.iter().any(|known| **known == **package) => {
                            format!("package `{package}` is not installed; run `dbt deps` or correct its name")
                        }
                        _ if disabled.contains(name.as_str()) => format!("`{name}` is disabled by its config, so `ref` can't find it"),
                        _ => format!("no model, seed or snapshot is called `{shown}`"),
                    };
                    add(used.name_range, Severity::Error, "unknown-ref", message);
                }
                Target::Source { source, table } if index.resolve(&used.target, &project).is_none() => {
                    if is_code && !unresolved.contains(&(file.id, format!("{source}.{table}").as_str())) {
                        continue;
                    }
                    let message = if disabled.contains(table.as_str()) {
                        format!("source `{source}.{table}` is disabled by its config")
                    } else {
                        format!("no source `{source}` with a table `{table}` is defined")
                    };
                    add(used.name_range, Severity::Error, "unknown-source", message);
                }
                Target::Doc { package, name } if index.resolve_doc(package.as_deref(), name, &project).is_none() => {
                    add(used.name_range, Severity::Error, "unknown-doc", format!("no docs block is called `{name}`"));
                }
                _ => {}
            }
        }
    }
    for (file, entry) in root.files.iter().flat_map(|file| file.facts.properties.iter().flat_map(move |it| it.entries.iter().map(move |entry| (file, entry)))) {
        let (kind, exists): (&str, bool) = match entry.section {
            Section::Models => ("model", exists(index, entry, ResourceType::Model)),
            Section::Seeds => ("seed", exists(index, entry, ResourceType::Seed)),
            Section::Snapshots => ("snapshot", exists(index, entry, ResourceType::Snapshot)),
            _ => continue,
        };
        if !exists {
            found.push(Diagnostic {
                place: Place { file: file.id, range: entry.name.range },
                severity: Severity::Warning,
                code: "entry-without-node",
                message: format!("no {kind} of this project is called `{}`", entry.name.value),
            });
        }
    }
    if let Some(cycle) = index.find_cycle() {
        let names: Vec<String> = cycle.iter().chain(cycle.first()).map(|&at| index.nodes[at].label()).collect();
        for &at in &cycle {
            found.push(Diagnostic {
                place: index.nodes[at].place,
                severity: Severity::Error,
                code: "cycle",
                message: format!("these nodes depend on each other in a circle: {}", names.join(" ← ")),
            });
        }
    }
    index.diagnostics.append(&mut found);
}

fn exists(index: &Index, entry: &Entry, kind: ResourceType) -> bool {
    let named = |node: &Node| node.name == entry.name.value && node.resource_type == kind;
    index.named(&entry.name.value).iter().any(|&at| named(&index.nodes[at])) || index.disabled.iter().any(named)
}
