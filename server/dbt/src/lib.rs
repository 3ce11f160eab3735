//! dbt's meaning: what each file of a project says, and the index that merges it. Does no IO and knows no protocol.
//!
//! The way through: [`ProjectConfig`] says which paths hold what, [`FileKind`] says what a file is, [`Facts`] are what one file says
//! with names unresolved, [`Index`] merges them and resolves.

pub mod artifacts;
mod compile;
mod config;
mod facts;
mod index;
mod manifest;
mod parallel;
mod parse;
mod project;
mod properties;
mod resource;
mod selectors;
mod shape;
mod state;
mod target;

mod evaluate;

pub use artifacts::{Artifact, ArtifactReport, Artifacts, CatalogColumn, CatalogRelation, Freshness, LastRun, NodeFacts};
pub use compile::{Compiled, Compiler, Mapped};
pub use config::Config;
pub use facts::Reading;
pub use facts::{Facts, Target, Use, csv_records, expression_uses, read, uses_in, uses_within};
pub use index::bare;
pub use index::{
    Argument, BuiltinMacro, Column, Description, Diagnostic, Docs, Index, InputFile, Macro, Node, NodeIndex, PackageInput, Patch, Place, Severity,
    TestMetadata, TestUse,
};
pub use parallel::in_parallel;
pub use parse::{Parser, Reached};
pub use project::{FileKind, ProjectConfig};
pub use properties::{ColumnEntry, Entry, Properties, Section, Text};
pub use resource::ResourceType;
pub use shape::{AGGREGATIONS, Key, METRIC_TYPES, Problem, Takes, keys_at, project_keys};
pub use state::{Deferred, State};
pub use target::{MASKED, Problem as SettingsProblem, Settings, Target as ProfileTarget};
