//! What an evaluation finds out about a node.

use crate::ast::Name;
use crate::library::MacroId;
use data::{Map, Value as Json};
use std::collections::BTreeSet;
use text::TextRange;

/// `ref(package, name, version=…)`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefCall {
    pub package: Option<String>,
    pub name: String,
    /// A text or a number, as it was given.
    pub version: Option<Json>,
}

/// `source(source, table)`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceCall {
    pub source: String,
    pub table: String,
}

data::packed!(RefCall { package, name, version });
data::packed!(SourceCall { source, table });

/// Everything that dbt takes from a node's Jinja while it parses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// In the order of the calls, with repetitions.
    pub refs: Vec<RefCall>,
    pub sources: Vec<SourceCall>,
    pub metrics: Vec<Vec<String>>,
    pub functions: Vec<Vec<String>>,
    /// All `config()` calls merged as dbt merges them: tags, hooks and packages add up, `meta` and `docs` merge, others clobber.
    pub config: Map,
    /// Macros that the text itself calls, in order, each once: `depends_on.macros`.
    pub macros: Vec<Name>,
    /// Every macro that ran: a change of one of them can change this.
    pub reached: BTreeSet<MacroId>,
    /// Whether it looked at `model`, which holds what folder configs say.
    pub reads_model: bool,
    pub docs: Vec<Name>,
    pub vars: BTreeSet<String>,
    pub env_vars: BTreeSet<String>,
    pub warnings: Vec<String>,
    /// Names that nothing answers to and that the text itself calls or asks something of: dbt stops there when it compiles, not while it parses.
    pub undefined: BTreeSet<Name>,
    /// Vars without a value or a default, likewise.
    pub missing_vars: BTreeSet<String>,
}

impl Found {
    pub(crate) fn call_macro(&mut self, unique_id: &Name) {
        if !self.macros.contains(unique_id) {
            self.macros.push(unique_id.clone());
        }
    }
}

/// Where in the source a stretch of the output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the output.
    pub start: u32,
    pub end: u32,
    /// Of the evaluated text: the text itself, or the tag that made it.
    pub source: TextRange,
    /// Whether the output is the source's text, byte for byte.
    pub verbatim: bool,
}
