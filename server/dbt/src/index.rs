//! The merged index: every node, macro and docs block of a project and its packages, with names resolved.

mod build;
mod resolve;

pub use build::{InputFile, PackageInput};

use crate::{Config, ResourceType};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use syntax::yaml_edit::Step;
use text::TextRange;
use vfs::FileId;

/// A node's number in [`Index::nodes`].
pub type NodeIndex = usize;

/// A range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub file: FileId,
    pub range: TextRange,
}

/// What people wrote about something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// With `{{ doc('…') }}` replaced by the docs block's text.
    pub text: String,
    /// As it is written, where that differs.
    pub written: Option<String>,
    pub place: Place,
}

impl Description {
    /// As it is written.
    pub fn raw(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }

    /// Whether it takes its text from a docs block, or needs other Jinja.
    pub fn has_jinja(&self) -> bool {
        self.raw().contains("{{")
    }
}

/// A test of a column or a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUse {
    /// As it is written, `dbt_utils.accepted_range` for a package's.
    pub name: String,
    /// `key: value`, one a line.
    pub arguments: Vec<String>,
    pub range: TextRange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub description: Option<Description>,
    pub data_type: Option<String>,
    pub tests: Arc<[TestUse]>,
    /// Its name in the node's entry in a properties file.
    pub entry: Option<Place>,
}

/// The entry of a node in a properties file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The whole entry.
    pub place: Place,
    /// Its name.
    pub name: Place,
    /// The path to it from the file's root.
    pub path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `model.shop.orders`, as in dbt's manifest.
    pub unique_id: Arc<str>,
    pub name: String,
    pub resource_type: ResourceType,
    pub package: Arc<str>,
    /// Where it is defined: the SQL or CSV file, the snapshot block, the YAML entry.
    pub place: Place,
    /// Relative to its package's folder, with `/`.
    pub path: String,
    pub patch: Option<Patch>,
    pub description: Option<Description>,
    pub columns: IndexMap<String, Column>,
    pub tests: Arc<[TestUse]>,
    pub config: Config,
    pub version: Option<String>,
    /// Of a source: the source's name and description.
    pub source_name: Option<String>,
    pub source_description: Option<Description>,
    pub details: Vec<(&'static str, String)>,
    /// Direct upstream nodes, sorted.
    pub depends_on: Vec<NodeIndex>,
    /// Names in `ref()`, `source()` and the like that nothing answers to.
    pub unresolved: Vec<String>,
}

impl Node {
    /// What people call it: `orders`, `raw.orders` for a source, `orders.v2` for a version.
    pub fn label(&self) -> String {
        match (&self.source_name, &self.version) {
            (Some(source), _) => format!("{source}.{}", self.name),
            (None, Some(version)) => format!("{}.v{version}", self.name),
            (None, None) => self.name.clone(),
        }
    }

    /// The column of a name; SQL's names have no case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name).or_else(|| self.columns.values().find(|column| column.name.eq_ignore_ascii_case(name)))
    }

    pub fn has_description(&self) -> bool {
        is_written(&self.description)
    }
}

impl Column {
    pub fn has_description(&self) -> bool {
        is_written(&self.description)
    }
}

fn is_written(description: &Option<Description>) -> bool {
    description.as_ref().is_some_and(|description| !description.text.trim().is_empty())
}

#[derive(Debug, Clone, PartialEq)]
pub struct Macro {
    pub unique_id: Arc<str>,
    pub name: String,
    pub package: Arc<str>,
    /// Its name in the opening tag.
    pub place: Place,
    /// The whole block.
    pub range: TextRange,
    pub path: String,
    /// `name`, `name=default`.
    pub parameters: Vec<String>,
    pub is_generic_test: bool,
    pub description: Option<Description>,
    /// Name, type and description of documented arguments.
    pub arguments: Vec<(String, Option<String>, Option<String>)>,
    pub patch: Option<Patch>,
}

impl Macro {
    pub fn signature(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }
}

/// A docs block.
#[derive(Debug, Clone, PartialEq)]
pub struct Docs {
    pub unique_id: Arc<str>,
    pub name: String,
    pub package: Arc<str>,
    pub place: Place,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Information,
    Hint,
}

/// Something that a person should know about a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub place: Place,
    pub severity: Severity,
    /// The rule: `unknown-ref`, `missing-description`, …
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// A project and its packages, merged.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The root project's name.
    pub project: Arc<str>,
    /// Names of all packages, the root project first.
    pub packages: Vec<Arc<str>>,
    /// Enabled nodes, in the order of their unique ids.
    pub nodes: Vec<Node>,
    /// Nodes that a config switches off.
    pub disabled: Vec<Node>,
    pub macros: Vec<Macro>,
    pub docs: Vec<Docs>,
    pub diagnostics: Vec<Diagnostic>,
    /// Direct downstream nodes of each node, sorted.
    pub children: Vec<Vec<NodeIndex>>,
    by_id: FxHashMap<Arc<str>, NodeIndex>,
    /// Nodes that `ref()` can name.
    refable: FxHashMap<String, Vec<NodeIndex>>,
    sources: FxHashMap<(String, String), Vec<NodeIndex>>,
    macros_by_name: FxHashMap<String, Vec<usize>>,
    docs_by_name: FxHashMap<String, Vec<usize>>,
    /// What each file defines.
    by_file: FxHashMap<FileId, Vec<NodeIndex>>,
    /// What each properties file describes.
    by_patch: FxHashMap<FileId, Vec<NodeIndex>>,
    latest: FxHashMap<(Arc<str>, String), String>,
}
