//! What is wrong in the root project's files; packages are somebody else's.

use super::link::label;
use crate::index::{Diagnostic, Index, InputFile, Node, NodeIndex, PackageInput, Place, Severity};
use crate::properties::{Entry, Section};
use crate::{FileKind, ResourceType, Target};

/// Judges every file of the root project.
pub(super) fn judge_all(index: &mut Index, packages: &[PackageInput]) {
    let Some(root) = packages.first() else { return };
    let judged = root.files.iter().map(|file| (file.id, judge_file(index, file))).filter(|(_, found)| !found.is_empty()).collect();
    index.judged = judged;
    if let Some(cycle) = index.find_cycle() {
        tell_cycle(index, &cycle);
    }
}

/// Judges one file again.
pub(super) fn judge(index: &mut Index, file: &InputFile) {
    let cycle = index.judged.get(&file.id).into_iter().flatten().filter(|found| found.code == CYCLE).cloned().collect::<Vec<_>>();
    let mut found = judge_file(index, file);
    found.extend(cycle);
    if found.is_empty() {
        index.judged.remove(&file.id);
    } else {
        index.judged.insert(file.id, found);
    }
}

const CYCLE: &str = "cycle";

/// Looks for a cycle after some nodes got other parents.
pub(super) fn judge_cycles(index: &mut Index, changed: &[NodeIndex]) {
    if !index.has_cycle && !changed.iter().any(|&at| index.reaches(at, at)) {
        return;
    }
    let told: Vec<vfs::FileId> = index.judged.iter().filter(|(_, found)| found.iter().any(|found| found.code == CYCLE)).map(|(file, _)| *file).collect();
    for file in told {
        if let Some(found) = index.judged.get_mut(&file) {
            found.retain(|found| found.code != CYCLE);
        }
    }
    index.has_cycle = false;
    if let Some(cycle) = index.find_cycle() {
        tell_cycle(index, &cycle);
    }
}

fn tell_cycle(index: &mut Index, cycle: &[NodeIndex]) {
    index.has_cycle = true;
    let names: Vec<String> = cycle.iter().chain(cycle.first()).map(|&at| index.nodes[at].label()).collect();
    for &at in cycle {
        let place = index.nodes[at].place;
        let message = format!("these nodes depend on each other in a circle: {}", names.join(" ← "));
        index.judged.entry(place.file).or_default().push(Diagnostic { place, severity: Severity::Error, code: CYCLE, message });
    }
}

fn judge_file(index: &Index, file: &InputFile) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let project = index.project.clone();
    // What an evaluated node doesn't ask for stands in a branch that dbt doesn't take.
    let unresolved = || index.nodes_of_file(file.id).iter().flat_map(|&at| &index.nodes[at].unresolved);
    let is_unresolved = |shown: &str| unresolved().any(|name| name == shown);
    let is_disabled = |name: &str| index.disabled.iter().any(|node| node.name == name);
    let mut add = |range, severity, code, message| found.push(Diagnostic { place: Place { file: file.id, range }, severity, code, message });
    for error in &file.facts.errors {
        let code = if matches!(file.kind, FileKind::Properties | FileKind::Project) { "yaml-syntax" } else { "jinja-syntax" };
        add(error.range, Severity::Error, code, error.message.clone());
    }
    // A macro's names resolve where it is called.
    if file.kind.holds_macros() {
        return found;
    }
    let is_code = file.kind.is_sql() && file.facts.errors.is_empty();
    for used in &file.facts.uses {
        match &used.target {
            Target::Ref { package, name, version } if index.resolve(&used.target, &project).is_none() => {
                let shown = label(package.as_deref(), name, version.as_deref());
                if is_code && !is_unresolved(&shown) {
                    continue;
                }
                let message = match package {
                    Some(package) if !index.packages.iter().any(|known| **known == **package) => {
                        format!("package `{package}` is not installed; run `dbt deps` or correct its name")
                    }
                    _ if is_disabled(name) => format!("`{name}` is disabled by its config, so `ref` can't find it"),
                    _ => format!("no model, seed or snapshot is called `{shown}`"),
                };
                add(used.name_range, Severity::Error, "unknown-ref", message);
            }
            Target::Source { source, table } if index.resolve(&used.target, &project).is_none() => {
                if is_code && !is_unresolved(&format!("{source}.{table}")) {
                    continue;
                }
                let message = if is_disabled(table) {
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
    for entry in file.facts.properties.iter().flat_map(|properties| &properties.entries) {
        let (kind, resource_type) = match entry.section {
            Section::Models => ("model", ResourceType::Model),
            Section::Seeds => ("seed", ResourceType::Seed),
            Section::Snapshots => ("snapshot", ResourceType::Snapshot),
            _ => continue,
        };
        if !exists(index, entry, resource_type) {
            let message = format!("no {kind} of this project is called `{}`", entry.name.value);
            found.push(Diagnostic {
                place: Place { file: file.id, range: entry.name.range },
                severity: Severity::Warning,
                code: "entry-without-node",
                message,
            });
        }
    }
    found
}

fn exists(index: &Index, entry: &Entry, kind: ResourceType) -> bool {
    let named = |node: &Node| node.name == entry.name.value && node.resource_type == kind;
    index.named(&entry.name.value).iter().any(|&at| named(&index.nodes[at])) || index.disabled.iter().any(|node| named(node))
}
