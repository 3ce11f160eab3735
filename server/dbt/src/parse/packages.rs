//! What is wrong with the packages and the profile, told at the file that asks for them.

use super::session::Session;
use crate::index::{Diagnostic, Index, InputFile, PackageInput, Place, Severity};
use crate::target::Problem;
use crate::{FileKind, ResourceType};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use syntax::yaml::Node;
use text::TextRange;

/// The packages that a file lists.
struct Listed<'p> {
    file: &'p InputFile,
    count: usize,
    range: TextRange,
    /// The names that these packages are bound to have, where that can be known: those of dbt's hub.
    names: Vec<(String, TextRange)>,
}

fn listed_in(root: &PackageInput) -> Vec<Listed<'_>> {
    let files = root.files.iter().filter(|file| file.kind == FileKind::Packages && &*file.path != "package-lock.yml");
    let listed = files.filter_map(|file| {
        let packages = syntax::yaml::parse(&file.text).root?.get("packages")?.clone();
        let named = |item: &Node| {
            let value = item.get("package")?;
            Some((value.as_str()?.rsplit('/').next()?.trim().to_owned(), value.range))
        };
        let names = packages.items().iter().filter_map(named).collect();
        Some(Listed { file, count: packages.items().len(), range: packages.range, names })
    });
    listed.collect()
}

/// Whether fewer packages are installed than are listed: then their names mean nothing yet, and one error says why.
pub(super) fn are_lacking(inputs: &[PackageInput]) -> bool {
    inputs.first().is_some_and(|root| listed_in(root).iter().any(|listed| listed.count > inputs.len() - 1))
}

/// Packages that are listed and not installed, names that two packages have, a profile that isn't there
/// (`RuntimeConfig.load_dependencies`, `Profile.render_from_args`).
pub(super) fn problems(inputs: &[PackageInput], session: &Session) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(root) = inputs.first() else { return found };
    let listed = listed_in(root);
    let installed = inputs.len() - 1;
    for Listed { file, count, range, names } in listed {
        let folder = &root.config.packages_install_path;
        let is_there = |name: &str| inputs.iter().skip(1).any(|package| package.config.name == name);
        let lacking: Vec<&(String, TextRange)> = names.iter().filter(|(name, _)| installed > 0 && !is_there(name)).collect();
        // dbt only counts, and packages of packages may make up for one that is missing.
        if count <= installed {
            for (name, range) in lacking {
                let message = format!("`{name}` is listed and not installed in {folder}; run `dbt deps`");
                found.push(Diagnostic::new(Place { file: file.id, range: *range }, Severity::Warning, "missing-package", message));
            }
            continue;
        }
        let shown: Vec<String> = lacking.iter().map(|(name, _)| format!("`{name}`")).collect();
        let which = if shown.is_empty() { String::new() } else { format!(", {} not among them", shown.join(", ")) };
        let message = format!("{count} packages are listed, {installed} are installed in {folder}{which}; run `dbt deps`");
        let range = lacking.first().map_or(range, |(_, range)| *range);
        let says = format!(
            "dbt found {count} package(s) specified in {}, but only {installed} package(s) installed in {folder}. Run \"dbt deps\" to install package dependencies.",
            file.path
        );
        let first_line = TextRange::new(range.start as usize, range.start as usize + range.of(&file.text).lines().next().unwrap_or("").len());
        found.push(Diagnostic::new(Place { file: file.id, range: first_line }, Severity::Error, "missing-package", message).as_dbt(says));
    }
    let Some(project) = root.files.iter().find(|file| file.kind == FileKind::Project) else { return found };
    let at_key = |key: &str| {
        let tree = syntax::yaml::parse(&project.text);
        let range = tree.root.as_ref().and_then(|root| Some(root.get(key)?.range)).unwrap_or(TextRange::at(0));
        Place { file: project.id, range }
    };
    let mut seen = FxHashSet::default();
    for package in inputs.iter().filter(|package| !package.config.name.is_empty()) {
        if !seen.insert(package.config.name.as_str()) {
            let name = &package.config.name;
            let message = format!("two packages are called `{name}`; dbt needs each name once: take one of them out of packages.yml");
            let says = format!("dbt found more than one package with the name \"{name}\" included in this project.");
            found.push(Diagnostic::new(at_key("name"), Severity::Error, "duplicate-package", message).as_dbt(says));
        }
    }
    for problem in &session.problems {
        let (message, place) = match problem.code {
            Problem::PROFILE => {
                (format!("{}; names of relations are guessed until a profile says which warehouse, database and schema are meant", problem.message), "profile")
            }
            _ => (problem.message.clone(), "vars"),
        };
        found.push(Diagnostic::new(at_key(place), problem.severity, problem.code, message).as_dbt(problem.dbt.clone()));
    }
    for (text, why) in &session.unrendered {
        let line = text.lines().find(|line| line.contains('{')).unwrap_or(text).trim();
        let range = project.text.find(line).map_or(TextRange::at(0), |at| TextRange::new(at, at + line.len()));
        let says = if why.starts_with("Env var required") { why.clone() } else { format!("Could not render {text}: {why}") };
        found.push(Diagnostic::new(Place { file: project.id, range }, Severity::Error, super::entries::UNRENDERED, why.clone()).as_dbt(says));
    }
    let name = &root.config.name;
    if session.target.adapter.has_package(name) {
        let message = format!("dbt has a package `{name}` of its own; give the project another name");
        let says = format!("dbt found more than one package with the name \"{name}\" included in this project. Package names must be unique in a project.");
        found.push(Diagnostic::new(at_key("name"), Severity::Error, "duplicate-package", message).as_dbt(says));
    }
    let both = |name: &str| {
        let file = root.files.iter().find(|file| &*file.path == name)?;
        let range = syntax::yaml::parse(&file.text).root?.get_entry("packages")?.0.range;
        Some(Place { file: file.id, range })
    };
    if let (Some(_), Some(place)) = (both("packages.yml"), both("dependencies.yml")) {
        let message = "packages.yml has `packages`, too; keep one of the two lists";
        let says = "The 'packages' key cannot be specified in both packages.yml and dependencies.yml";
        found.push(Diagnostic::new(place, Severity::Error, "project-config", message).as_dbt(says));
    }
    found
}

/// Sections of dbt_project.yml and the resources that their paths are of.
const SECTIONS: [(&str, ResourceType); 10] = [
    ("models", ResourceType::Model),
    ("seeds", ResourceType::Seed),
    ("snapshots", ResourceType::Snapshot),
    ("sources", ResourceType::Source),
    ("data_tests", ResourceType::Test),
    ("metrics", ResourceType::Metric),
    ("semantic_models", ResourceType::SemanticModel),
    ("saved_queries", ResourceType::SavedQuery),
    ("exposures", ResourceType::Exposure),
    ("functions", ResourceType::Function),
];

const UNUSED: &str = "unused-config";

/// Tells the paths of dbt_project.yml that configure nothing, in place of what was told of them before.
pub(super) fn tell_unused(inputs: &[PackageInput], index: &mut Index) {
    let project = inputs.first().and_then(|root| root.files.iter().find(|file| file.kind == FileKind::Project));
    if let Some(known) = project.and_then(|project| index.told.get_mut(&project.id)) {
        known.retain(|found| found.code != UNUSED);
    }
    unused_paths(inputs, index).into_iter().for_each(|found| index.told.entry(found.place.file).or_default().push(found));
}

/// Paths of dbt_project.yml that configure nothing (`RuntimeConfig.warn_for_unused_resource_config_paths`).
fn unused_paths(inputs: &[PackageInput], index: &Index) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let project = inputs.first().and_then(|root| root.files.iter().find(|file| file.kind == FileKind::Project));
    let Some((project, root)) = project.and_then(|file| Some((file, syntax::yaml::parse(&file.text).root?))) else { return found };
    for (section, kind) in SECTIONS {
        let spelled = [section, &section.replace('_', "-"), if section == "data_tests" { "tests" } else { section }];
        let Some((key, configs)) = spelled.iter().find_map(|name| root.get_entry(name)) else { continue };
        let mut paths = Vec::new();
        config_paths(key, configs, &mut Vec::new(), &mut paths);
        if paths.is_empty() {
            continue;
        }
        let of_kind = index.nodes.iter().filter(|node| node.resource_type == kind);
        // What is switched off counts whatever its type.
        let fqns: Vec<&[Arc<str>]> = of_kind.chain(index.disabled.iter().map(|node| &**node)).map(|node| node.fqn.as_slice()).collect();
        for (path, range) in paths {
            if fqns.iter().any(|fqn| fqn.len() >= path.len() && fqn.iter().zip(&path).all(|(part, wanted)| **part == **wanted)) {
                continue;
            }
            let shown = std::iter::once(section.to_owned()).chain(path).collect::<Vec<_>>().join(".");
            let message = format!("nothing is at `{shown}`, so this config does nothing; correct the path, or take it out");
            let says = format!(
                "Configuration paths exist in your dbt_project.yml file which do not apply to any resources.\nThere are 1 unused configuration paths:\n- {shown}"
            );
            found.push(Diagnostic::new(Place { file: project.id, range }, Severity::Warning, UNUSED, message).as_dbt(says));
        }
    }
    found
}

/// Every path that holds a config, with the place of its last key.
fn config_paths(key: &Node, configs: &Node, path: &mut Vec<String>, paths: &mut Vec<(Vec<String>, TextRange)>) {
    for (name, value) in configs.entries() {
        let Some(text) = name.as_str() else { continue };
        if matches!(value.kind, syntax::yaml::Kind::Map { .. }) && !text.starts_with('+') {
            path.push(text.to_owned());
            config_paths(name, value, path, paths);
            path.pop();
        } else if !paths.iter().any(|(known, _)| known == path) {
            paths.push((path.clone(), key.range));
        }
    }
}
