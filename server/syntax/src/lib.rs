//! One file's syntax: YAML with byte spans, Jinja's tags and calls, SQL's outline. Sees one file, knows no dbt names and never
//! fails: every reader gives what it understood together with the errors it met.

pub mod jinja;
pub mod python;
pub mod sql;
pub mod yaml;
pub mod yaml_edit;
pub mod yaml_scalar;
pub mod yaml_value;

mod outline;

pub use outline::{OutlineItem, OutlineKind};

use text::TextRange;

/// Something a reader could not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub range: TextRange,
    pub message: String,
}
