//! What can go wrong with the store, for the reader and for the log.

use analyst::PortError;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database can't be reached: {0}")]
    Connect(sqlx::Error),
    #[error("the database refused a statement: {0}")]
    Query(#[from] sqlx::Error),
    #[error("the database's schema can't be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("DATABASE_URL is not a Postgres URL: {0}")]
    Url(String),
    #[error(transparent)]
    Provision(#[from] provision::Error),
    #[error("the private database did not start: {0}")]
    Start(String),
    #[error("{path} can't be used: {why}")]
    Files { path: PathBuf, why: String },
}

impl StoreError {
    /// Both faces. The reader's never holds a URL or a statement.
    pub fn port(self) -> PortError {
        let reader = match &self {
            Self::Connect(sqlx::Error::PoolTimedOut) => "the database did not answer in time; is it running?".to_owned(),
            Self::Connect(error) => match error.as_database_error() {
                Some(database) => format!("the database refused the connection: {}", database.message()),
                None => "the database can't be reached; check DATABASE_URL, and that the server is running".to_owned(),
            },
            Self::Query(error) => match error.as_database_error() {
                Some(database) if database.code().as_deref() == Some("53100") => "the database's disk is full".to_owned(),
                Some(database) => format!("the database refused: {}", database.message()),
                None => "the connection to the database broke; ask again".to_owned(),
            },
            Self::Migrate(sqlx::migrate::MigrateError::VersionMissing(_)) => "the database was made by a newer Ragstar; update this one".to_owned(),
            Self::Migrate(sqlx::migrate::MigrateError::VersionMismatch(_)) => {
                "the database was made by another build of Ragstar, with other tables; use that build, or begin anew with an empty database (another DATABASE_URL or RAGSTAR_DATA_DIR)".to_owned()
            }
            Self::Migrate(sqlx::migrate::MigrateError::Execute(error)) if error.to_string().contains("extension \"vector\"") => {
                "this Postgres has no pgvector extension; install it there, or unset DATABASE_URL to use the private one".to_owned()
            }
            Self::Migrate(_) => "the database's schema can't be brought up to date; see the log".to_owned(),
            Self::Url(_) => "DATABASE_URL is not a Postgres URL (postgres://user:password@host:5432/name)".to_owned(),
            Self::Provision(error) => error.to_string(),
            Self::Start(why) => format!("the private database did not start: {why}"),
            Self::Files { path, why } => format!("{} can't be used: {why}; set RAGSTAR_DATA_DIR to a folder that can be written", path.display()),
        };
        PortError::new(reader, self)
    }
}
