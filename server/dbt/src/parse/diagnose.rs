//! What is wrong in the root project's files; packages are somebody else's.

mod nodes;
mod semantic;

pub(super) use nodes::is_never_null;

use super::link::label;
use crate::index::{Diagnostic, Index, InputFile, Node, NodeIndex, PackageInput, Place, Severity};
use crate::properties::{Entry, Section};
use crate::{FileKind, ResourceType, Target, Use};

/// Judges every file of the root project.
pub(super) fn judge_all(index: &mut Index, packages: &[PackageInput]) {
    let Some(root) = packages.first() else { return };
    let mut judged: imbl::OrdMap<vfs::FileId, Vec<Diagnostic>> = imbl::OrdMap::new();
    let found = crate::parallel::in_parallel(&root.files, |file| judge_file(index, file));
    for (file, found) in root.files.iter().zip(found) {
        if found.is_empty() {
            continue;
        }
        // A file may come twice, as a model and as a test.
        let known = judged.entry(file.id).or_default();
        let fresh: Vec<Diagnostic> = found.into_iter().filter(|found| !known.contains(found)).collect();
        known.extend(fresh);
    }
    index.judged = judged;
    index.has_semantic_models = index.nodes.iter().any(|node| node.resource_type == ResourceType::SemanticModel);
    tell_semantic(index, packages);
    for cycle in index.find_cycles() {
        tell_cycle(index, &cycle);
    }
}

/// Tells what is wrong with the semantic layer, in place of what was told of it before.
pub(super) fn tell_semantic(index: &mut Index, packages: &[PackageInput]) {
    let told: Vec<vfs::FileId> = index.told.iter().filter(|(_, found)| found.iter().any(|found| found.code == semantic::CODE)).map(|(file, _)| *file).collect();
    for file in told {
        if let Some(found) = index.told.get_mut(&file) {
            found.retain(|found| found.code != semantic::CODE);
        }
    }
    for found in semantic::judge(index, packages) {
        index.told.entry(found.place.file).or_default().push(found);
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
    for cycle in index.find_cycles() {
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

/// Macros that dispatch to a name that no implementation has: dbt looks for it while it parses, whether they are called or not.
fn dispatches_to_nothing(index: &Index, file: &InputFile) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if index.lacks_packages || !jinja::adapter::Adapter::is_known(&index.adapter) || !file.text.contains("dispatch") {
        return found;
    }
    let prefixes = index.dispatch_prefixes();
    let own = index.macros.iter().filter(|own| own.place.file == file.id && *own.package == *index.project);
    for own in own.filter(|own| own.text.contains("dispatch")) {
        let calls = syntax::jinja::parse(&own.text).calls;
        for call in calls.iter().filter(|call| call.path.len() == 2 && call.path[0] == "adapter") {
            let Some((argument, namespace)) = call.dispatched() else { continue };
            let Some(name) = argument.value.as_str().filter(|name| !name.contains('.')) else { continue };
            let searched: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}__{name}")).collect();
            let is_there = |candidate: &String| index.macros.iter().any(|found| found.name == *candidate) || index.is_builtin_macro(candidate);
            if searched.iter().any(is_there) {
                continue;
            }
            let message = format!("no macro is called `{}`, which this dispatches to; correct the name, or add one", searched.join("` or `"));
            let namespace = namespace.unwrap_or("None");
            let says = format!("Compilation Error\n  In dispatch: No macro named '{name}' found within namespace: '{namespace}'");
            let place = Place { file: file.id, range: argument.range.shift(own.range.start as usize) };
            found.push(Diagnostic::new(place, Severity::Error, "unknown-macro", message).as_dbt(says));
        }
    }
    found
}

/// Who asks, as dbt calls it: `Model 'model.shop.orders' (models/orders.sql)`.
fn asker(index: &Index, file: &InputFile, used: &Use, shown: &str) -> String {
    if file.kind != FileKind::Properties {
        return index.nodes_of_file(file.id).first().map_or_else(|| format!("Model ({})", file.path), |&at| asker_of(&index.nodes[at], file));
    }
    // In a properties file a test asks, or the entry around the call.
    let asks = |&&at: &&NodeIndex| index.nodes[at].unresolved.iter().any(|name| name == shown);
    if let Some(&test) = index.tests_of_file(file.id).iter().find(asks) {
        return asker_of(&index.nodes[test], file);
    }
    let entries = file.facts.properties.iter().flat_map(|properties| &properties.entries);
    let name = entries.filter(|entry| entry.range.contains_range(used.range)).map(|entry| entry.name.range).next();
    let nodes = || index.nodes_of_file(file.id).iter().chain(index.nodes_described_in(file.id)).map(|&at| &index.nodes[at]);
    let around = nodes().find(|node| node.patch.as_ref().is_some_and(|patch| patch.place.file == file.id && Some(patch.name.range) == name));
    around.or_else(|| nodes().find(|node| Some(node.place.range) == name)).map_or_else(|| format!("Model ({})", file.path), |node| asker_of(node, file))
}

fn asker_of(node: &Node, file: &InputFile) -> String {
    let path = if node.resource_type == ResourceType::Operation { "./dbt_project.yml" } else { &file.path };
    format!("{} '{}' ({path})", title(node.resource_type), node.unique_id)
}

/// `Saved_Query`, as dbt writes a resource type.
fn title(kind: ResourceType) -> String {
    let words = kind.as_str().split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<Vec<_>>().join("_")
}

/// What dbt calls a file's node where it tells an error in its text: `model b (models/b.sql)`.
fn in_node(index: &Index, file: &InputFile) -> String {
    let node = index.nodes_of_file(file.id).first().map(|&at| &index.nodes[at]);
    node.map(|node| format!(" in {} {} ({})", node.resource_type, node.name, file.path)).unwrap_or_default()
}

fn judge_file(index: &Index, file: &InputFile) -> Vec<Diagnostic> {
    let place = |range| Place { file: file.id, range };
    let mut found: Vec<Diagnostic> = Vec::new();
    for error in &file.facts.errors {
        // Of such files dbt reads the blocks one by one, and only warns of a tag between them.
        let blocks_alone = file.kind.holds_macros() || file.kind == FileKind::Snapshot;
        let tag = error.message.strip_prefix(crate::facts::UNKNOWN_STATEMENT).filter(|_| blocks_alone);
        if let Some(tag) = tag.filter(|_| !file.facts.blocks.iter().any(|block| block.range.contains_range(error.range))) {
            let message = format!("no block begins or ends here with `{tag}`; take the tag out");
            let says = format!("Found unexpected '{tag}' block tag. in file `{}`", file.path);
            found.push(Diagnostic::new(place(error.range), Severity::Warning, "jinja-syntax", message).as_dbt(says));
            continue;
        }
        let (code, says) = match file.kind {
            FileKind::Properties | FileKind::Project | FileKind::Selectors | FileKind::Packages => {
                let line = text::LineIndex::new(&file.text).line_of(error.range.start as usize) + 1;
                (
                    "yaml-syntax",
                    format!(
                        "Parsing Error\n  Error reading {}: {} - Runtime Error\n    Syntax error near line {line}",
                        index.project,
                        super::without_first(&file.path)
                    ),
                )
            }
            FileKind::PythonModel => ("python-syntax", format!("Parsing Error{}", in_node(index, file))),
            _ => ("jinja-syntax", format!("Compilation Error{}\n  {}", in_node(index, file), error.message)),
        };
        found.push(Diagnostic::new(place(error.range), Severity::Error, code, error.message.clone()).as_dbt(says));
    }
    for problem in &file.facts.problems {
        let says = problem.dbt.replace("{file}", &file.path).replace("{node}", &in_node(index, file));
        let told = Diagnostic::new(place(problem.range), problem.severity, problem.code, problem.message.clone());
        found.push(if says.is_empty() { told } else { told.as_dbt(says) });
    }
    // A macro's names resolve where it is called.
    if file.kind.holds_macros() {
        found.extend(dispatches_to_nothing(index, file));
        return found;
    }
    found.extend(file.facts.uses.iter().filter_map(|used| judge_use(index, file, used)));
    found.extend(file.facts.uses.iter().filter_map(|used| judge_access(index, file, used)));
    found.extend(file.facts.uses.iter().filter_map(|used| judge_ambiguous(index, file, used)));
    found.extend(index.nodes_of_file(file.id).iter().filter_map(|&at| judge_relation(index, at)));
    found.extend(nodes::of_file(index, file));
    found.extend(unknown_tests(index, file));
    for entry in file.facts.properties.iter().flat_map(|properties| &properties.entries) {
        let resource_type = match entry.section {
            Section::Models => ResourceType::Model,
            Section::Seeds => ResourceType::Seed,
            Section::Snapshots => ResourceType::Snapshot,
            Section::Analyses => ResourceType::Analysis,
            Section::DataTests => ResourceType::Test,
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
            let says = match other {
                Some(other) => format!(
                    "'{name}' is a {0} node, but it is specified in the {section} section of {1}.\nTo fix this error, place the `{name}` specification under the {0}s key instead.",
                    other.resource_type, file.path
                ),
                None => format!("Did not find matching node for patch with name '{name}' in the '{section}' section of file '{}'", file.path),
            };
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
    let of_unit_test = || {
        let mut entries = file.facts.properties.iter().flat_map(|properties| &properties.entries);
        entries.any(|entry| entry.section == Section::UnitTests && entry.range.contains_range(used.range))
    };
    // dbt says nothing of a test whose model is switched off, and finds the inputs of unit tests when it runs them.
    let severity = |shown: &str, state: &str| match of_test(shown) {
        true if state == "is disabled" => Severity::Hint,
        true => Severity::Warning,
        false if of_unit_test() => Severity::Warning,
        false => Severity::Error,
    };
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
                _ if version.is_some() && !index.named(name).is_empty() => {
                    let known: Vec<&str> = index.named(name).iter().filter_map(|&at| index.nodes[at].version.as_deref()).collect();
                    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
                    (format!("`{name}` has no version {}; {known}", version.as_deref().unwrap_or_default()), "was not found")
                }
                _ => (format!("no model, seed or snapshot is called `{shown}`; correct the name, or add it"), "was not found"),
            };
            let within = match package.as_deref() {
                Some(package) => format!(" in package or project '{package}'"),
                None if of_test(&shown) => " in package ''".to_owned(),
                None => String::new(),
            };
            let version = version.as_deref().map(|version| format!(" with version '{version}'")).unwrap_or_default();
            let asker = asker(index, file, used, &shown);
            made("unknown-ref", severity(&shown, state), message, format!("{asker} depends on a node named '{name}'{version}{within} which {state}"))
        }
        Target::Source { source, table } if index.resolve(&used.target, project).is_none() => {
            let shown = format!("{source}.{table}");
            if !is_asked(&shown) {
                return None;
            }
            let (message, state) = if is_disabled(table) {
                (format!("source `{source}.{table}` is disabled by its config; enable it, or take it out"), "is disabled")
            } else {
                (format!("no source `{source}` with a table `{table}` is defined; correct the name, or add it under `sources:`"), "was not found")
            };
            let asker = asker(index, file, used, &shown);
            made("unknown-source", severity(&shown, state), message, format!("{asker} depends on a source named '{shown}' which {state}"))
        }
        Target::Doc { package, name } if index.resolve_doc(package.as_deref(), name, project).is_none() => {
            let message = format!("no docs block is called `{name}`; add {{% docs {name} %}} to a Markdown file, or correct the name");
            let asker = asker(index, file, used, "");
            let asker = asker.split('\'').nth(1).unwrap_or_default();
            let within = package.as_deref().map(|package| format!("in package '{package}' ")).unwrap_or_default();
            made("unknown-doc", Severity::Error, message, format!("Documentation for '{asker}' depends on doc '{name}' {within} which was not found"))
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

/// A ref of a model that is private to another group, or of a package that keeps its models to itself.
fn judge_access(index: &Index, file: &InputFile, used: &Use) -> Option<Diagnostic> {
    let target = &index.nodes[index.resolve(&used.target, &index.project)?];
    let access = target.config.access.as_deref();
    let told = |message: String, node: &Node, whose: String| {
        let says =
            format!("Node {} attempted to reference node {}, which is not allowed because the referenced node is {whose}.", node.unique_id, target.unique_id);
        Some(Diagnostic::new(Place { file: file.id, range: used.name_range }, Severity::Error, "private-ref", message).as_dbt(says))
    };
    let asks = |node: &Node| node.depends_on.iter().any(|&at| std::ptr::eq(&index.nodes[at], target));
    let mut nodes = index.nodes_of_file(file.id).iter().map(|&at| &index.nodes[at]).filter(|node| asks(node));
    if access != Some("public") && target.package != index.project && target.resource_type == ResourceType::Model && index.restricted.contains(&target.package)
    {
        let (package, access) = (&target.package, access.unwrap_or("protected"));
        let message = format!("`{}` is {access} to the package `{package}`, which others may not read; read one of its public models", target.label());
        return told(message, nodes.next()?, format!("{access} to the '{package}' package"));
    }
    let group = target.config.group.as_deref().filter(|_| access == Some("private"))?;
    let own = |node: &Node| node.definition.get("group").and_then(data::Value::as_str).or(node.config.group.as_deref()) == Some(group);
    let node = nodes.find(|node| !own(node))?;
    let message = format!("`{}` is private to the group `{group}`; put `{}` into that group, or make the model `protected`", target.label(), node.label());
    told(message, node, format!("private to the '{group}' group"))
}

/// A name that two packages have and the root project hasn't.
fn judge_ambiguous(index: &Index, file: &InputFile, used: &Use) -> Option<Diagnostic> {
    let Target::Ref { package: None, name, .. } = &used.target else { return None };
    let named: Vec<&Node> = index.named(name).iter().map(|&at| &index.nodes[at]).collect();
    if named.len() < 2 || named.iter().any(|node| node.package == index.project) || named.iter().all(|node| node.package == named[0].package) {
        return None;
    }
    let mut packages: Vec<&str> = named.iter().map(|node| &*node.package).collect();
    packages.dedup();
    let ids: Vec<String> = named.iter().map(|node| format!("'{}'", node.unique_id)).collect();
    let message = format!("`{name}` is in the packages {}; say which: ref('{}', '{name}')", packages.join(" and "), packages[0]);
    let says = format!(
        "When referencing '{name}', dbt found nodes in multiple packages: {}\nTo fix this, use two-argument 'ref', with the package name first: {}",
        ids.join(", "),
        packages.iter().map(|package| format!("'{package}'")).collect::<Vec<_>>().join(" or ")
    );
    Some(Diagnostic::new(Place { file: file.id, range: used.name_range }, Severity::Error, "ambiguous-ref", message).as_dbt(says))
}

/// Generic tests that have no macro: dbt stops there when it compiles.
fn unknown_tests(index: &Index, file: &InputFile) -> Vec<Diagnostic> {
    let adapter = jinja::adapter::Adapter::named(index.adapter());
    // One that isn't known has a package of its name, too.
    let is_own = |package: &str| adapter.has_package(package) || package.strip_prefix("dbt_") == Some(index.adapter());
    let is_package = |package: &str| is_own(package) || index.packages.iter().any(|known| **known == *package);
    // The macro is looked for by its name alone, and called by its package's.
    let is_missing = |node: &Node| {
        let namespace = node.test.as_ref().and_then(|test| test.namespace.as_deref());
        node.macros.first() == Some(&None) || namespace.is_some_and(|namespace| !is_package(namespace))
    };
    let missing: Vec<&Node> = index.tests_of_file(file.id).iter().map(|&at| &index.nodes[at]).filter(|node| is_missing(node)).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let full_name = |node: &Node| {
        let test = node.test.as_ref()?;
        Some(test.namespace.as_ref().map_or_else(|| test.name.clone(), |namespace| format!("{namespace}.{}", test.name)))
    };
    let facts = super::window::whole_facts(file);
    let entries = facts.properties.iter().flat_map(|properties| &properties.entries);
    let used = entries.flat_map(|entry| entry.tests.iter().chain(entry.columns.iter().flat_map(|column| column.tests.iter())));
    let mut found = Vec::new();
    for test in used {
        let Some(node) = missing.iter().find(|node| full_name(node).as_deref() == Some(&test.name)) else { continue };
        let (message, undefined) = match test.name.split_once('.') {
            // One error says that packages are lacking.
            Some((package, _)) if index.lacks_packages && !is_package(package) => continue,
            Some((package, _)) if !is_package(package) => {
                (format!("package `{package}` is not installed; run `dbt deps` or correct its name"), format!("'{package}' is undefined"))
            }
            Some((package, name)) => {
                (format!("package `{package}` has no test `{name}`; correct the name"), format!("'dict object' has no attribute 'test_{name}'"))
            }
            None => (
                format!("no generic test is called `{}`; correct the name, or add {{% test {} %}}", test.name, test.name),
                format!("'test_{}' is undefined", test.name),
            ),
        };
        let says = format!(
            "Compilation Error in test {} ({})\n  {undefined}. This can happen when calling a macro that does not exist. Check for typos and/or install package dependencies with \"dbt deps\".",
            node.name, file.path
        );
        found.push(Diagnostic::new(Place { file: file.id, range: test.range }, Severity::Error, "unknown-test", message).as_dbt(says));
    }
    found
}

/// Two nodes that would be one table.
fn judge_relation(index: &Index, at: NodeIndex) -> Option<Diagnostic> {
    let node = &index.nodes[at];
    let relation = node.relation_name.as_deref().filter(|_| node.resource_type.is_refable())?;
    let others = index.names.relations.get(relation)?;
    let other = &index.nodes[*others.iter().find(|other| **other != at)?];
    let message =
        format!("`{}` and `{}` ({}) are both written to {relation}; give one of them another alias or schema", node.label(), other.label(), other.path);
    let says = format!(
        "dbt found two resources with the database representation \"{relation}\".\ndbt cannot create two resources with identical database representations."
    );
    Some(Diagnostic::new(node.place, Severity::Error, "ambiguous-relation", message).as_dbt(says))
}

fn exists(index: &Index, entry: &Entry, kind: ResourceType) -> bool {
    let named = |node: &Node| node.name == entry.name.value && node.resource_type == kind;
    let is_few = || index.few_of(kind).any(|(_, node)| named(node));
    index.named(&entry.name.value).iter().any(|&at| named(&index.nodes[at])) || is_few() || index.disabled.iter().any(|node| named(node))
}
