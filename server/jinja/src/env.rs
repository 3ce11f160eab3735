//! What templates of one project can see: macros, target, vars, environment. Shared by all evaluations.

use crate::adapter::Adapter;
use crate::ast::Name;
use crate::library::{Library, MacroId};
use data::{Map, Value as Json};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A project's side of every context.
#[derive(Debug, Clone)]
pub struct Env {
    pub library: Library,
    pub adapter: Arc<Adapter>,
    /// The root project's name.
    pub project: Name,
    /// All installed packages, the root project included.
    pub dependencies: Vec<Name>,
    /// `version` of each one's dbt_project.yml.
    pub versions: FxHashMap<Name, Json>,
    /// `target`, secrets left out.
    pub target: Map,
    /// What `var()` finds for the nodes of each package.
    pub vars: FxHashMap<Name, Map>,
    pub environment: Arc<FxHashMap<String, String>>,
    /// `dispatch:` of dbt_project.yml.
    pub dispatch: FxHashMap<String, Vec<String>>,
    /// `quoting:` of dbt_project.yml.
    pub quoting: Map,
    /// `--full-refresh` and the like, by their upper-case names.
    pub flags: Map,
    /// Whether a template asked what time it is, so that it may come out otherwise later.
    pub asked_time: Arc<AtomicBool>,
}

/// dbt's version that is spoken.
pub const DBT_VERSION: &str = "1.11.16";

impl Env {
    /// The macros whose text differs in another environment; `None` where more than that differs.
    pub fn changed_macros(&self, other: &Self) -> Option<Vec<MacroId>> {
        let same = self.project == other.project
            && self.adapter == other.adapter
            && self.dependencies == other.dependencies
            && self.versions == other.versions
            && self.target == other.target
            && self.vars == other.vars
            && self.environment == other.environment
            && self.dispatch == other.dispatch
            && self.quoting == other.quoting
            && self.flags == other.flags;
        if same { self.library.changed(&other.library) } else { None }
    }

    pub(crate) fn var(&self, package: &str, name: &str) -> Option<&Json> {
        self.vars.get(package).or_else(|| self.vars.get(&self.project))?.get(name)
    }
}

/// Finds docs blocks for `doc()`: the unique id and the text.
pub trait Docs: Send + Sync {
    fn find(&self, package: Option<&str>, name: &str) -> Option<(Name, Name)>;
}

/// No docs blocks.
pub struct NoDocs;

impl Docs for NoDocs {
    fn find(&self, _package: Option<&str>, _name: &str) -> Option<(Name, Name)> {
        None
    }
}

/// Which names a context has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A node that is parsed: everything.
    Node,
    /// The `generate_…_name` macros, called for a node.
    Names,
    /// Values in a properties file: `var`, `env_var`, `target` and what needs no project.
    Yaml,
    /// dbt_project.yml and packages.yml: the same without the project's own vars.
    Project,
    /// `ref`, `source` and `metric` alone, as in an exposure's `depends_on`.
    References,
    /// Descriptions: `doc` and what a properties file has.
    Docs,
    /// The text of a docs block: Jinja's own names alone.
    Nothing,
}

/// The macros that a generic test sees: those that its own macro leads to.
#[derive(Debug, Default)]
pub struct Visible {
    pub names: FxHashMap<Name, MacroId>,
    pub packages: FxHashMap<Name, FxHashMap<Name, MacroId>>,
}

/// Whom an evaluation is for.
pub struct Subject<'a> {
    pub kind: Kind,
    /// The package whose macros and vars come first.
    pub package: Name,
    /// The node's own relation: `this`, and the value of every `ref` while parsing.
    pub relation: Option<Relation>,
    /// `model`: the node as its manifest entry so far.
    pub model: Option<&'a dyn Fn() -> Json>,
    pub docs: &'a dyn Docs,
    /// Where only some macros are in sight.
    pub visible: Option<&'a Visible>,
    /// Whether a var without value and default is an error rather than None.
    pub requires_vars: bool,
    /// Whether secret environment variables can be read.
    pub sees_secrets: bool,
    /// Where `ref` and `source` get the relations of others: while compiling. While parsing they are the node's own.
    pub relations: Option<&'a dyn Relations>,
    /// The value of `execute`.
    pub executes: bool,
}

/// What `ref` and `source` come to while compiling.
pub trait Relations {
    fn of_ref(&self, call: &crate::RefCall) -> Option<Named>;
    fn of_source(&self, call: &crate::SourceCall) -> Option<Named>;
}

/// A relation that another node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Relation(Relation),
    /// A CTE that stands for an ephemeral model.
    Cte(Name),
    /// As it is written already.
    Written(Name),
}

/// A relation's name in three parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relation {
    pub database: Option<Name>,
    pub schema: Option<Name>,
    pub identifier: Option<Name>,
    /// Quoting that the node's config asks for.
    pub quoting: Map,
}

impl<'a> Subject<'a> {
    /// A node that is parsed: its vars need no value, it knows no docs blocks.
    pub fn node(package: Name, relation: Option<Relation>, model: &'a dyn Fn() -> Json) -> Self {
        Self {
            kind: Kind::Node,
            package,
            relation,
            model: Some(model),
            docs: &NoDocs,
            visible: None,
            requires_vars: false,
            sees_secrets: false,
            relations: None,
            executes: false,
        }
    }

    /// A context of values rather than nodes.
    pub fn values(kind: Kind, package: Name, docs: &'a dyn Docs) -> Self {
        Self { kind, package, relation: None, model: None, docs, visible: None, requires_vars: true, sees_secrets: false, relations: None, executes: false }
    }
}
