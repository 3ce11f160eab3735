//! What is wrong in the root project's files; packages are somebody else's.

use super::link::label;
use crate::index::{Diagnostic, Index, InputFile, Node, NodeIndex, PackageInput, Place, Severity};
use crate::properties::{Entry, Section};
use crate::{FileKind, ResourceType, Target, Use};

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
    let ids: Vec<&str> = cycle.iter().chain(cycle.first()).map(|&at| &*index.nodes[at].unique_id).collect();
    let says = format!("Found a cycle: {}", ids.join(" --> "));
    for &at in cycle {
        let place = index.nodes[at].place;
        let message = format!("these nodes depend on each other in a circle: {}; take one of these references out", names.join(" ← "));
        let found = Diagnostic::new(place, Severity::Error, CYCLE, message).as_dbt(says.clone());
        index.judged.entry(place.file).or_default().push(found);
    }
}

/// Who asks, as dbt calls it: `Model 'model.shop.orders' (models/orders.sql)`.
fn asker(index: &Index, file: &InputFile) -> String {
    let node = index.nodes_of_file(file.id).first().map(|&at| &index.nodes[at]);
    let kind = node.map_or("A node", |node| match node.resource_type {
        ResourceType::Snapshot => "Snapshot",
        ResourceType::Analysis => "Analysis",
        ResourceType::Test => "Test",
        ResourceType::Exposure => "Exposure",
        _ => "Model",
    });
    format!("{kind} '{}' ({})", node.map_or("", |node| &node.unique_id), file.path)
}

fn judge_file(index: &Index, file: &InputFile) -> Vec<Diagnostic> {
    let place = |range| Place { file: file.id, range };
    let mut found: Vec<Diagnostic> = Vec::new();
    for error in &file.facts.errors {
        let (code, says) = match file.kind {
            FileKind::Properties | FileKind::Project | FileKind::Selectors | FileKind::Packages => {
                ("yaml-syntax", "Parsing Error: Syntax error near this line")
            }
            FileKind::PythonModel => ("python-syntax", "Parsing Error: this Python model can't be parsed"),
            _ => ("jinja-syntax", "Compilation Error"),
        };
        found.push(Diagnostic::new(place(error.range), Severity::Error, code, error.message.clone()).as_dbt(says));
    }
    // A macro's names resolve where it is called.
    if file.kind.holds_macros() {
        return found;
    }
    found.extend(file.facts.uses.iter().filter_map(|used| judge_use(index, file, used)));
    found.extend(file.facts.uses.iter().filter_map(|used| judge_access(index, file, used)));
    found.extend(index.nodes_of_file(file.id).iter().filter_map(|&at| judge_relation(index, at)));
    for entry in file.facts.properties.iter().flat_map(|properties| &properties.entries) {
        let resource_type = match entry.section {
            Section::Models => ResourceType::Model,
            Section::Seeds => ResourceType::Seed,
            Section::Snapshots => ResourceType::Snapshot,
            _ => continue,
        };
        if !exists(index, entry, resource_type) {
            let (name, section) = (&entry.name.value, entry.section.key());
            // What has that name and is described elsewhere.
            let other = index.named(name).iter().map(|&at| &index.nodes[at]).find(|node| node.resource_type != resource_type);
            let message = match other {
                Some(other) => format!("`{name}` is a {}; move the entry to `{}s:`", other.resource_type, other.resource_type),
                None => format!("no {resource_type} of this project is called `{name}`; correct the name, or take the entry out"),
            };
            let says = format!("Did not find matching node for patch with name '{name}' in the '{section}' section of file '{}'", file.path);
            found.push(Diagnostic::new(place(entry.name.range), Severity::Warning, "entry-without-node", message).as_dbt(says));
        }
    }
    found
}

/// A name that nothing answers to.
fn judge_use(index: &Index, file: &InputFile, used: &Use) -> Option<Diagnostic> {
    let project = &index.project;
    let is_code = file.kind.is_sql() && file.facts.errors.is_empty();
    // What an evaluated node doesn't ask for stands in a branch that dbt doesn't take; what is switched off asks for nothing.
    if file.kind == FileKind::Properties && is_off(index, file, used) {
        return None;
    }
    let is_asked = |shown: &str| !is_code || index.nodes_of_file(file.id).iter().any(|&at| index.nodes[at].unresolved.iter().any(|name| name == shown));
    let is_disabled = |name: &str| index.disabled.iter().any(|node| node.name == name);
    // A test of what isn't there is switched off, and dbt only warns.
    let of_test = |shown: &str| {
        let asks = |&at: &NodeIndex| index.nodes[at].unresolved.iter().any(|name| name == shown);
        file.kind == FileKind::SingularTest || index.tests_of_file(file.id).iter().any(asks)
    };
    let made = |code, severity, message: String, says: String| {
        Some(Diagnostic::new(Place { file: file.id, range: used.name_range }, severity, code, message).as_dbt(says))
    };
    let severity = |shown: &str| if of_test(shown) { Severity::Warning } else { Severity::Error };
    match &used.target {
        Target::Ref { package, name, version } if index.resolve(&used.target, project).is_none() => {
            let shown = label(package.as_deref(), name, version.as_deref());
            if !is_asked(&shown) {
                return None;
            }
            let (message, state) = match package {
                Some(package) if !index.packages.iter().any(|known| **known == **package) => {
                    (format!("package `{package}` is not installed; run `dbt deps` or correct its name"), "was not found")
                }
                _ if is_disabled(name) => {
                    (format!("`{name}` is disabled by its config, so `ref` can't find it; enable it, or take the ref out"), "is disabled")
                }
                _ => (format!("no model, seed or snapshot is called `{shown}`; correct the name, or add it"), "was not found"),
            };
            let within = package.as_deref().map(|package| format!(" in package or project '{package}'")).unwrap_or_default();
            let version = version.as_deref().map(|version| format!(" with version '{version}'")).unwrap_or_default();
            made("unknown-ref", severity(&shown), message, format!("{} depends on a node named '{name}'{version}{within} which {state}", asker(index, file)))
        }
        Target::Source { source, table } if index.resolve(&used.target, project).is_none() => {
            if !is_asked(&format!("{source}.{table}")) {
                return None;
            }
            let (message, state) = if is_disabled(table) {
                (format!("source `{source}.{table}` is disabled by its config; enable it, or take it out"), "is disabled")
            } else {
                (format!("no source `{source}` with a table `{table}` is defined; correct the name, or add it under `sources:`"), "was not found")
            };
            made(
                "unknown-source",
                severity(&format!("{source}.{table}")),
                message,
                format!("{} depends on a source named '{source}.{table}' which {state}", asker(index, file)),
            )
        }
        Target::Doc { package, name } if index.resolve_doc(package.as_deref(), name, project).is_none() => {
            let message = format!("no docs block is called `{name}`; add {{% docs {name} %}} to a Markdown file, or correct the name");
            made("unknown-doc", Severity::Error, message, format!("Documentation for '{name}' not found"))
        }
        _ => None,
    }
}

/// Whether a use stands in an entry whose node is switched off.
fn is_off(index: &Index, file: &InputFile, used: &Use) -> bool {
    let mut entries = file.facts.properties.iter().flat_map(|properties| &properties.entries);
    let Some(entry) = entries.find(|entry| entry.range.contains_range(used.range)) else { return false };
    let described = |node: &Node| node.patch.as_ref().is_some_and(|patch| patch.place.file == file.id && patch.name.range == entry.name.range);
    let is_on = index.nodes_described_in(file.id).iter().chain(index.nodes_of_file(file.id)).any(|&at| described(&index.nodes[at]));
    !is_on && index.disabled.iter().any(|node| described(node))
}

/// A ref of a model that is private to another group.
fn judge_access(index: &Index, file: &InputFile, used: &Use) -> Option<Diagnostic> {
    let target = &index.nodes[index.resolve(&used.target, &index.project)?];
    let group = target.config.group.as_deref().filter(|_| target.config.access.as_deref() == Some("private"))?;
    let asks = |node: &Node| {
        let own = node.definition.get("group").and_then(data::Value::as_str).or(node.config.group.as_deref());
        own != Some(group) && node.depends_on.iter().any(|&at| std::ptr::eq(&index.nodes[at], target))
    };
    let node = index.nodes_of_file(file.id).iter().map(|&at| &index.nodes[at]).find(|node| asks(node))?;
    let message = format!("`{}` is private to the group `{group}`; put `{}` into that group, or make the model `protected`", target.label(), node.label());
    let says = format!(
        "Node {} attempted to reference node {}, which is not allowed because the referenced node is private to the '{group}' group.",
        node.unique_id, target.unique_id
    );
    Some(Diagnostic::new(Place { file: file.id, range: used.name_range }, Severity::Error, "private-ref", message).as_dbt(says))
}

/// Two nodes that would be one table.
fn judge_relation(index: &Index, at: NodeIndex) -> Option<Diagnostic> {
    let node = &index.nodes[at];
    let relation = node.relation_name.as_deref().filter(|_| node.resource_type.is_refable())?;
    let others = index.names.relations.get(relation)?;
    let other = &index.nodes[*others.iter().find(|other| **other != at)?];
    let message =
        format!("`{}` and `{}` ({}) are both written to {relation}; give one of them another alias or schema", node.label(), other.label(), other.path);
    let says = format!("dbt found two resources with the database representation \"{}\".", relation.replace('"', ""));
    Some(Diagnostic::new(node.place, Severity::Error, "ambiguous-relation", message).as_dbt(says))
}

fn exists(index: &Index, entry: &Entry, kind: ResourceType) -> bool {
    let named = |node: &Node| node.name == entry.name.value && node.resource_type == kind;
    index.named(&entry.name.value).iter().any(|&at| named(&index.nodes[at])) || index.disabled.iter().any(|node| named(node))
}
