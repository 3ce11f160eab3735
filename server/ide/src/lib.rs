//! What an editor and an analyst ask of a project: hovers, definitions, completions, diagnostics, edits. Plain data in, plain data
//! out; knows no protocol, reads no files, holds no locks.

mod code_actions;
mod columns;
mod compiled;
mod completion;
mod coverage;
mod definition;
mod describing;
mod diagnostics;
mod drafts;
mod fixes;
mod folding;
mod functions;
mod hierarchy;
mod highlighting;
mod hints;
mod host;
mod hover;
mod inherit;
mod lineage;
mod links;
mod lints;
mod meant;
mod mentions;
mod references;
mod rename;
mod results;
mod rules;
mod samples;
mod select;
mod signature;
mod spelling;
mod subject;
mod symbols;
mod tested;
mod thing;
mod words;
mod yaml_context;

#[cfg(test)]
mod test_support;

pub use code_actions::{CodeAction, DescribeAct, DescribeTarget, FileEdits};
pub use columns::{Made, MadeColumn};
pub use compiled::FileCompiled;
pub use completion::{Completion, CompletionDoc, CompletionKind, Completions};
pub use coverage::{Coverage, EntryCoverage};
pub use dbt::{Artifact, ArtifactReport, Artifacts, State};
pub use dbt::{Settings as DbtSettings, SettingsProblem};
pub use definition::{Navigation, NavigationTarget};
pub use diagnostics::Summary;
pub use drafts::{CHANGED_MEANWHILE, Draft, DraftKind, DraftState, Drafts};
pub use fixes::{Fix, FixKind};
pub use folding::{Fold, FoldKind};
pub use hierarchy::HierarchyItem;
pub use highlighting::{Token, TokenKind};
pub use hints::{Hint, HintKind, Lens, LensAction};
pub use host::{Analysis, AnalysisHost, File, Placed, Snapshot, SnapshotFile, World, outside_of, read_project};
pub use hover::Hover;
pub use inherit::{Inherited, Proof};
pub use lineage::{ColumnEdge, LineageGraph, LineageNode, LineageWish};
pub use links::Link;
pub use mentions::Mention;
pub use rename::Change;
pub use rules::{Rule, RuleSet};
pub use signature::Signature;
pub use subject::Subject;
pub use symbols::{Symbol, SymbolKind};
pub use thing::Thing;

pub(crate) use describing::NEW_PROPERTIES;
pub(crate) use words::{call_of, section_of};

/// A YAML text as data, as dbt reads it.
pub fn yaml_data(text: &str) -> data::Value {
    syntax::yaml_value::document(&syntax::yaml::parse(text))
}
