//! The merged index: every node, macro and docs block of a project and its packages, with names resolved.

mod resolve;

use crate::{Config, Facts, FileKind, ProjectConfig, ResourceType};
use indexmap::IndexMap;
use jinja::{RefCall, SourceCall};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use syntax::yaml_edit::Step;
use text::TextRange;
use vfs::FileId;

/// One file of a package.
#[derive(Debug, Clone)]
pub struct InputFile {
    pub id: FileId,
    /// Relative to its package's folder, with `/`.
    pub path: String,
    pub kind: FileKind,
    pub facts: Arc<Facts>,
    /// The text; docs blocks are cut from it.
    pub text: Arc<str>,
}

/// One package and its files; the first of all is the root project.
#[derive(Debug, Clone)]
pub struct PackageInput {
    pub config: Arc<ProjectConfig>,
    pub files: Vec<InputFile>,
}

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
    /// What else its entry says, as data: tags, meta, constraints, quote.
    pub properties: Arc<Map<String, Json>>,
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
    /// The part of its file that is its code.
    pub code: Option<TextRange>,
    /// Package, folders, name: what folder configs and selectors go by.
    pub fqn: Vec<String>,
    /// dbt's `path`: below the folder that holds it, or the made-up one of a test.
    pub relative_path: String,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub alias: Option<String>,
    /// Quoted as its adapter does; `None` for what has no relation.
    pub relation_name: Option<String>,
    pub tags: Vec<String>,
    pub meta: Map<String, Json>,
    /// What its Jinja asked for.
    pub refs: Vec<RefCall>,
    pub sources: Vec<SourceCall>,
    pub metrics: Vec<Vec<String>>,
    /// Unique ids of the macros that it calls itself, in order; `None` for a generic test that has no macro.
    pub macros: Vec<Option<Arc<str>>>,
    /// Docs blocks that its description names.
    pub doc_blocks: Vec<Arc<str>>,
    pub test: Option<Arc<TestMetadata>>,
    /// What a manifest says of its type alone: an exposure's owner, a metric's type_params, a source's freshness.
    pub definition: Map<String, Json>,
}

/// What makes a node a generic test.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestMetadata {
    pub name: String,
    pub namespace: Option<String>,
    pub kwargs: Map<String, Json>,
    pub column_name: Option<String>,
    /// The unique id of the node that it tests.
    pub attached_node: Option<String>,
    /// `models.orders`: the entry that holds it.
    pub file_key_name: String,
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
    /// The block's text.
    pub text: Arc<str>,
    pub path: String,
    /// Unique ids of the macros that its text calls.
    pub depends_on: Vec<Arc<str>>,
    pub meta: Map<String, Json>,
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
    pub path: String,
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
    /// Whether a package's nodes look for names in their own package first; dbt's default is the root project.
    pub(crate) own_package_first: bool,
    pub(crate) adapter: String,
    /// Each file's path in its package.
    pub(crate) paths: FxHashMap<FileId, String>,
}

/// A node without anything known of it.
pub(crate) fn blank(unique_id: Arc<str>, resource_type: ResourceType, package: Arc<str>, name: &str, place: Place, path: &str) -> Node {
    Node {
        unique_id,
        name: name.to_owned(),
        resource_type,
        package,
        place,
        path: path.to_owned(),
        patch: None,
        description: None,
        columns: IndexMap::new(),
        tests: Arc::default(),
        config: Config::default(),
        version: None,
        source_name: None,
        source_description: None,
        details: Vec::new(),
        depends_on: Vec::new(),
        unresolved: Vec::new(),
        code: None,
        fqn: Vec::new(),
        relative_path: String::new(),
        database: None,
        schema: None,
        alias: None,
        relation_name: None,
        tags: Vec::new(),
        meta: Map::new(),
        refs: Vec::new(),
        sources: Vec::new(),
        metrics: Vec::new(),
        macros: Vec::new(),
        doc_blocks: Vec::new(),
        test: None,
        definition: Map::new(),
    }
}
