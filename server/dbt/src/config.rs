//! The config of a node as readers of the index see it; `parse` merges it.

use data::{Map, Value as Json};
use std::sync::Arc;
use thin_vec::ThinVec;

/// The configs that matter to readers of the index. `None` means that nobody said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub enabled: Option<bool>,
    pub materialized: Option<Arc<str>>,
    pub schema: Option<Arc<str>>,
    pub database: Option<Arc<str>>,
    pub alias: Option<Arc<str>>,
    pub group: Option<Arc<str>>,
    pub access: Option<Arc<str>>,
    pub tags: ThinVec<String>,
    /// All of it, as data; defaults left out.
    pub values: Map,
}

impl Config {
    /// The config of a node as it was merged.
    pub fn of(values: Map, tags: impl Into<ThinVec<String>>) -> Self {
        let text = |key: &str| values.get(key).filter(|value| !value.is_null()).map(shared);
        Self {
            enabled: values.get("enabled").and_then(Json::as_bool),
            materialized: text("materialized"),
            schema: text("schema"),
            database: text("database"),
            alias: text("alias"),
            group: text("group"),
            access: text("access"),
            tags: tags.into(),
            values,
        }
    }
}

/// A value as text; a text is not copied.
fn shared(value: &Json) -> Arc<str> {
    match value {
        Json::String(text) => text.clone(),
        other => crate::parse::text_of(other).into(),
    }
}
