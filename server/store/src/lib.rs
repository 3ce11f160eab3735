//! The knowledge store: Postgres with pgvector, a team's server or one that Ragstar runs for itself. Implements the analyst's
//! `Knowledge`; knows no dbt, no HTTP and no prompts.

mod drafts;
mod embedded;
mod error;
mod knowledge;

pub use drafts::DraftsFile;
pub use embedded::{Embedded, POSTGRES};
pub use error::StoreError;
pub use knowledge::{Counts, Store, Workspace};
