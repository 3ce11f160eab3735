//! From the facts of all files to the index, as dbt's parser goes: macros, nodes with their Jinja evaluated, properties laid over
//! them, tests, sources, the semantic layer, and at last the names that they use.

mod configs;
mod descriptions;
mod diagnose;
mod entries;
mod generic_tests;
mod link;
mod macros;
mod nodes;
mod patches;
mod relations;
mod semantic;
mod session;
mod sources;
mod unit_tests;

pub(crate) use configs::{tags as tags_of, text_of};
pub(crate) use session::render_text;

use crate::index::{Diagnostic, Index, Node, PackageInput, Place, Severity};
use crate::target::Settings;
use jinja::Found;
use macros::MacroGraph;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use session::Session;
use std::sync::Arc;

impl Index {
    /// Parses a project: `packages` with the root project first, and what the outside world decides.
    pub fn build(packages: &[PackageInput], settings: &Settings) -> Self {
        let session = Session::new(packages, settings);
        let mut index = Self::default();
        index.project = session.root().clone();
        index.packages = session.packages.iter().map(|package| package.name.clone()).collect();
        index.own_package_first = session.own_package_first;
        index.adapter.clone_from(&session.target.adapter.name);
        index.paths = packages.iter().flat_map(|package| &package.files).map(|file| (file.id, file.path.clone())).collect();
        index.set_docs(descriptions::docs_of(packages, &session));
        let mut builder = Builder {
            inputs: packages,
            session: &session,
            index: &index,
            drafts: Vec::new(),
            by_name: FxHashMap::default(),
            diagnostics: Vec::new(),
            graph: MacroGraph::default(),
        };
        builder.nodes();
        builder.patches();
        builder.finish_nodes();
        builder.seed_headers();
        builder.generic_tests();
        builder.sources();
        builder.yaml_nodes();
        let macros = builder.macros();
        let Builder { drafts, diagnostics, .. } = builder;
        index.diagnostics = diagnostics;
        macros.into_iter().for_each(|made| index.add_macro(made));
        link::link(&mut index, drafts);
        diagnose::diagnose(&mut index, packages);
        index
    }
}

/// A node on its way into the index.
pub(crate) struct Draft {
    pub node: Node,
    /// The place of its package in the inputs.
    pub package: usize,
    /// What its `config()` says.
    pub call: Map<String, Json>,
    /// What its properties say of its config.
    pub patch: Map<String, Json>,
    pub enabled: bool,
    /// Names of metrics, measures or models that its definition reads.
    pub inputs: Vec<String>,
}

impl Draft {
    /// Takes over what an evaluation found.
    fn take(&mut self, found: Found) {
        self.node.refs.extend(found.refs);
        self.node.sources.extend(found.sources);
        self.node.metrics.extend(found.metrics);
        for name in found.macros {
            let name = Some(name);
            if !self.node.macros.contains(&name) {
                self.node.macros.push(name);
            }
        }
    }
}

struct Builder<'a> {
    inputs: &'a [PackageInput],
    session: &'a Session,
    /// What is known already: packages and docs blocks.
    index: &'a Index,
    drafts: Vec<Draft>,
    /// Drafts that `ref` can name and analyses and singular tests, by name.
    by_name: FxHashMap<String, Vec<usize>>,
    diagnostics: Vec<Diagnostic>,
    graph: MacroGraph,
}

impl Builder<'_> {
    fn warn(&mut self, place: Place, severity: Severity, code: &'static str, message: String) {
        self.diagnostics.push(Diagnostic { place, severity, code, message });
    }
}

/// The part of a path below one of some folders; the whole path where none holds it.
fn below<'a>(path: &'a str, folders: &[String]) -> &'a str {
    folders
        .iter()
        .find_map(|folder| if folder == "." || folder.is_empty() { Some(path) } else { path.strip_prefix(folder.as_str())?.strip_prefix('/') })
        .unwrap_or(path)
}

/// Package, folders of the path, without its file.
fn fqn_prefix(package: &str, relative: &str) -> Vec<String> {
    let mut fqn = vec![package.to_owned()];
    if let Some((folders, _)) = relative.rsplit_once('/') {
        fqn.extend(folders.split('/').map(str::to_owned));
    }
    fqn
}

/// The path without its first folder.
fn without_first(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// A properties file's path below the folder that holds it.
fn yaml_relative<'a>(path: &'a str, config: &crate::ProjectConfig) -> &'a str {
    let groups = [&config.model_paths, &config.seed_paths, &config.snapshot_paths, &config.analysis_paths, &config.macro_paths, &config.test_paths];
    groups.iter().map(|folders| below(path, folders)).find(|relative| *relative != path).unwrap_or(path)
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn object<'a>(map: &'a Map<String, Json>, key: &str) -> Option<&'a Map<String, Json>> {
    map.get(key).and_then(Json::as_object)
}

fn string(map: &Map<String, Json>, key: &str) -> Option<String> {
    map.get(key).filter(|value| !value.is_null()).map(text_of)
}

fn list<'a>(map: &'a Map<String, Json>, key: &str) -> &'a [Json] {
    map.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn arc(text: impl AsRef<str>) -> Arc<str> {
    Arc::from(text.as_ref())
}
