//! The config of a node as readers of the index see it; `parse` merges it.

use data::{Map, Value as Json};

/// The configs that matter to readers of the index. `None` means that nobody said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub enabled: Option<bool>,
    pub materialized: Option<String>,
    pub schema: Option<String>,
    pub database: Option<String>,
    pub alias: Option<String>,
    pub group: Option<String>,
    pub access: Option<String>,
    pub tags: Vec<String>,
    /// All of it, as data; defaults left out.
    pub values: Map,
}

impl Config {
    /// The config of a node as it was merged.
    pub fn of(values: Map, tags: Vec<String>) -> Self {
        let text = |key: &str| values.get(key).filter(|value| !value.is_null()).map(crate::parse::text_of);
        Self {
            enabled: values.get("enabled").and_then(Json::as_bool),
            materialized: text("materialized"),
            schema: text("schema"),
            database: text("database"),
            alias: text("alias"),
            group: text("group"),
            access: text("access"),
            tags,
            values,
        }
    }
}
