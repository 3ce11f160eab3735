//! The knowledge store: Postgres with pgvector, a team's server or one that Ragstar runs for itself. Implements the analyst's
//! `Knowledge`, and its `KeepDrafts`, this also on a file; knows no dbt, no HTTP and no prompts.

/// A statement of `queries/store`, by its name.
macro_rules! statement {
    ($name:literal) => {
        include_str!(concat!("../../../queries/store/", $name, ".sql"))
    };
}

mod drafts;
mod embedded;
mod error;
mod knowledge;

pub use drafts::DraftsFile;
pub use embedded::{Embedded, POSTGRES};
pub use error::StoreError;
pub use knowledge::{Counts, Store, Workspace};
