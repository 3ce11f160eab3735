//! The merged index: every node, macro and docs block of a project and its packages, with names resolved.

mod builtins;
mod columns;
mod facts;
mod nodes;
mod pack;
mod resolve;

pub use builtins::BuiltinMacro;
pub use columns::Columns;
pub(crate) use facts::FactSources;
pub use nodes::Nodes;
pub use resolve::bare;

use crate::artifacts::NodeFacts;
use crate::state::Deferred;
use crate::{Config, Facts, FileKind, ProjectConfig, ResourceType};
use data::Map;
use jinja::{RefCall, SourceCall};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use syntax::yaml_edit::Step;
use text::TextRange;
use thin_vec::ThinVec;
use vfs::FileId;

/// One file of a package.
#[derive(Debug, Clone)]
pub struct InputFile {
    pub id: FileId,
    /// Relative to its package's folder, with `/`.
    pub path: Arc<str>,
    pub kind: FileKind,
    pub facts: Arc<Facts>,
    /// The text; docs blocks are cut from it.
    pub text: Arc<str>,
}

/// One package and its files; the first of all is the root project.
#[derive(Debug, Clone)]
pub struct PackageInput {
    pub config: Arc<ProjectConfig>,
    pub files: Vec<Arc<InputFile>>,
}

/// A node's number in [`Index::nodes`].
pub type NodeIndex = usize;

/// All of a file, however long it is.
pub const WHOLE: TextRange = TextRange { start: 0, end: u32::MAX };

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
    pub name: Arc<str>,
    pub description: Option<Description>,
    pub data_type: Option<Arc<str>>,
    pub tests: Arc<[TestUse]>,
    /// Its name in the node's entry in a properties file.
    pub entry: Option<Place>,
    /// Its entry as data: beside the above tags, meta, constraints, quote.
    pub properties: Map,
    /// Docs blocks that its description names.
    pub doc_blocks: ThinVec<Arc<str>>,
    /// What the warehouse says of it, where a catalog is there.
    pub catalog_type: Option<Arc<str>>,
    /// Only the catalog names it.
    pub(crate) is_of_catalog: bool,
}

/// The entry of a node in a properties file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The whole entry.
    pub place: Place,
    /// Its name.
    pub name: Place,
    /// The path to it from the file's root.
    pub path: ThinVec<Step>,
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
    pub path: Arc<str>,
    pub patch: Option<Patch>,
    pub description: Option<Description>,
    pub columns: Columns,
    pub tests: Arc<[TestUse]>,
    pub config: Config,
    pub version: Option<String>,
    /// Of a source: the source's name and description.
    pub source_name: Option<String>,
    pub source_description: Option<Box<Description>>,
    /// The source's own entry, its tables in it.
    pub source_patch: Option<Box<Patch>>,
    pub details: ThinVec<(&'static str, String)>,
    /// Direct upstream nodes, sorted.
    pub depends_on: ThinVec<NodeIndex>,
    /// Names of metrics, measures or models that its definition reads.
    pub(crate) inputs: ThinVec<String>,
    /// Names in `ref()`, `source()` and the like that nothing answers to.
    pub unresolved: ThinVec<String>,
    /// The part of its file that is its code; [`WHOLE`] for all of it.
    pub code: Option<TextRange>,
    /// Package, folders, name: what folder configs and selectors go by.
    pub fqn: ThinVec<Arc<str>>,
    /// dbt's `path`: below the folder that holds it, or the made-up one of a test.
    pub relative_path: String,
    pub database: Option<Arc<str>>,
    pub schema: Option<Arc<str>>,
    pub alias: Option<Arc<str>>,
    /// Quoted as its adapter does; `None` for what has no relation.
    pub relation_name: Option<Arc<str>>,
    pub tags: ThinVec<String>,
    pub meta: Map,
    /// What its Jinja asked for.
    pub refs: ThinVec<RefCall>,
    pub sources: ThinVec<SourceCall>,
    pub metrics: ThinVec<Vec<String>>,
    pub functions: ThinVec<Vec<String>>,
    /// Unique ids of the macros that it calls itself, in order; `None` for a generic test that has no macro.
    pub macros: ThinVec<Option<Arc<str>>>,
    /// Docs blocks that its description names.
    pub doc_blocks: ThinVec<Arc<str>>,
    pub test: Option<Arc<TestMetadata>>,
    /// What dbt left of it in its target folder.
    pub artifacts: Option<Arc<NodeFacts>>,
    /// Its relation in the state that refs are deferred to.
    pub deferred: Option<Arc<Deferred>>,
    /// What a manifest says of its type alone: an exposure's owner, a metric's type_params, a source's freshness.
    pub definition: Map,
}

/// What makes a node a generic test.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestMetadata {
    pub name: String,
    pub namespace: Option<String>,
    pub kwargs: Map,
    pub column_name: Option<String>,
    /// The unique id of the node that it tests.
    pub attached_node: Option<Arc<str>>,
    /// `models.orders`: the entry that holds it.
    pub file_key_name: String,
}

impl Node {
    /// Frees what its lists have no use for and shares what other nodes have, too.
    pub(crate) fn compact(&mut self, interner: &mut data::Interner) {
        for map in [&mut self.config.values, &mut self.definition, &mut self.meta] {
            interner.map(map);
        }
        if let Some(test) = self.test.as_mut().and_then(Arc::get_mut) {
            interner.map(&mut test.kwargs);
        }
        for text in [&mut self.database, &mut self.schema, &mut self.config.materialized, &mut self.config.schema].into_iter().flatten() {
            interner.text(text);
        }
        self.refs.shrink_to_fit();
        self.sources.shrink_to_fit();
        self.macros.shrink_to_fit();
        self.fqn.shrink_to_fit();
        self.fqn.iter_mut().for_each(|part| interner.text(part));
        self.tags.shrink_to_fit();
        self.config.tags.shrink_to_fit();
        self.details.shrink_to_fit();
        self.doc_blocks.shrink_to_fit();
    }

    /// What people call it: `orders`, `raw.orders` for a source, `orders.v2` for a version.
    pub fn label(&self) -> String {
        match (&self.source_name, &self.version) {
            (Some(source), _) => format!("{source}.{}", self.name),
            (None, Some(version)) => format!("{}.v{version}", self.name),
            (None, None) => self.name.clone(),
        }
    }

    /// Its code in the text of its file.
    pub fn code_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.code.map(|code| if code == WHOLE { text } else { code.of(text) })
    }

    /// The relation that a `ref` of it reads: its own, or with `--defer` the other target's where this target hasn't built it, as far
    /// as a catalog tells; without one all is taken as not built.
    pub fn relation(&self) -> Option<&str> {
        let deferred = self.deferred.as_ref().filter(|deferred| deferred.favored || !self.is_built());
        deferred.map(|deferred| &*deferred.relation).or(self.relation_name.as_deref())
    }

    /// Whether the catalog has it where this target puts it.
    fn is_built(&self) -> bool {
        let found = self.artifacts.as_ref().and_then(|facts| facts.relation.as_ref());
        found.is_some_and(|found| found.is(self.database.as_deref(), self.schema.as_deref(), self.alias.as_deref()))
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
    /// A column of which nothing but its name is known.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            description: None,
            data_type: None,
            tests: Arc::default(),
            entry: None,
            properties: Map::new(),
            doc_blocks: ThinVec::new(),
            catalog_type: None,
            is_of_catalog: false,
        }
    }

    /// Its type as people wrote it, else as the warehouse has it.
    pub fn shown_type(&self) -> Option<&str> {
        self.data_type.as_deref().or(self.catalog_type.as_deref())
    }

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
    pub path: Arc<str>,
    /// Unique ids of the macros that its text calls.
    pub depends_on: Vec<Arc<str>>,
    pub meta: Map,
    /// `docs` of its entry: whether and how documentation shows it.
    pub docs: Map,
    /// `name`, `name=default`.
    pub parameters: Vec<String>,
    pub is_generic_test: bool,
    /// Of a materialization.
    pub supported_languages: Option<Vec<String>>,
    pub description: Option<Description>,
    /// Those that its entry names.
    pub arguments: Vec<Argument>,
    pub patch: Option<Patch>,
}

/// What is said of a macro's argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    pub name: String,
    pub data_type: Option<String>,
    pub description: Option<Description>,
}

impl Argument {
    pub fn has_description(&self) -> bool {
        is_written(&self.description)
    }
}

impl Macro {
    pub fn has_description(&self) -> bool {
        is_written(&self.description)
    }

    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

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
    pub path: Arc<str>,
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
    /// What dbt says of it, where it says something.
    pub dbt: Option<String>,
}

impl Diagnostic {
    pub fn new(place: Place, severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { place, severity, code, message: message.into(), dbt: None }
    }

    /// With dbt's words.
    pub fn as_dbt(self, says: impl Into<String>) -> Self {
        Self { dbt: Some(says.into()), ..self }
    }
}

/// A project and its packages, merged. A copy shares everything with its original.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The root project's name.
    pub project: Arc<str>,
    /// Names of all packages, the root project first.
    pub packages: Arc<[Arc<str>]>,
    /// Enabled nodes.
    pub nodes: Nodes,
    /// Nodes that a config switches off.
    pub disabled: Arc<Vec<Arc<Node>>>,
    pub macros: Arc<Vec<Macro>>,
    pub docs: Arc<Vec<Docs>>,
    /// `selectors.yml`, as a manifest has it.
    pub selectors: Map,
    /// Direct downstream nodes of each node, sorted.
    pub children: imbl::Vector<Vec<NodeIndex>>,
    /// What reading a file told, by the file.
    pub(crate) told: imbl::OrdMap<FileId, Vec<Diagnostic>>,
    /// What the names in a file come to, by the file.
    pub(crate) judged: imbl::OrdMap<FileId, Vec<Diagnostic>>,
    pub(crate) names: Arc<Names>,
    /// Whether a package's nodes look for names in their own package first; dbt's default is the root project.
    pub(crate) own_package_first: bool,
    pub(crate) adapter: Arc<str>,
    /// The root project's `quoting`.
    pub(crate) quoting: Map,
    /// Packages whose models only they may read (`restrict-access`), but for public ones.
    pub(crate) restricted: Arc<[Arc<str>]>,
    /// Whether packages are listed and not installed.
    pub(crate) lacks_packages: bool,
    /// `require_resource_names_without_spaces: false`.
    pub(crate) names_with_spaces: bool,
    /// Whether nodes depend on each other in a circle.
    pub(crate) has_cycle: bool,
    /// Whether there are semantic models; only a whole parse makes some.
    pub(crate) has_semantic_models: bool,
    /// Whether a template asked what time it is: then the same files may make another index later.
    pub asked_time: bool,
}

/// Where to find things by their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub by_id: FxHashMap<Arc<str>, NodeIndex>,
    /// Nodes that `ref()` can name.
    pub refable: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    /// Tables of sources.
    pub sources: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    pub metrics: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    pub functions: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    /// Models, seeds and snapshots by where they are written.
    pub relations: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    /// Nodes by the name of their relation in small letters, where it isn't their own.
    pub aliased: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    /// Semantic models by their measures.
    pub measures: FxHashMap<Arc<str>, Vec<NodeIndex>>,
    pub macros: FxHashMap<Arc<str>, Vec<usize>>,
    pub docs: FxHashMap<Arc<str>, Vec<usize>>,
    /// Nodes of the types that a project has few of: neither refable nor tables nor generic tests.
    pub few: FxHashMap<ResourceType, Vec<NodeIndex>>,
    /// What each file defines.
    pub by_file: FxHashMap<FileId, Vec<NodeIndex>>,
    /// The generic tests of each properties file.
    pub tests_by_file: FxHashMap<FileId, Vec<NodeIndex>>,
    /// What each properties file describes.
    pub by_patch: FxHashMap<FileId, Vec<NodeIndex>>,
    /// Each file's path in its package.
    pub paths: FxHashMap<FileId, Arc<str>>,
}

/// A node without anything known of it.
pub(crate) fn blank(unique_id: Arc<str>, resource_type: ResourceType, package: Arc<str>, name: &str, place: Place, path: &Arc<str>) -> Box<Node> {
    Box::new(Node {
        unique_id,
        name: name.to_owned(),
        resource_type,
        package,
        place,
        path: path.clone(),
        patch: None,
        description: None,
        columns: Columns::default(),
        tests: Arc::default(),
        config: Config::default(),
        version: None,
        source_name: None,
        source_description: None,
        source_patch: None,
        details: ThinVec::new(),
        depends_on: ThinVec::new(),
        inputs: ThinVec::new(),
        unresolved: ThinVec::new(),
        code: None,
        fqn: ThinVec::new(),
        relative_path: String::new(),
        database: None,
        schema: None,
        alias: None,
        relation_name: None,
        tags: ThinVec::new(),
        meta: Map::new(),
        refs: ThinVec::new(),
        sources: ThinVec::new(),
        metrics: ThinVec::new(),
        functions: ThinVec::new(),
        macros: ThinVec::new(),
        doc_blocks: ThinVec::new(),
        test: None,
        artifacts: None,
        deferred: None,
        definition: Map::new(),
    })
}
