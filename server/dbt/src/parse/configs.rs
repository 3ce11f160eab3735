//! The configs of a node: folders of dbt_project.yml, its properties, its own `config()`, and over a package's nodes the root
//! project's folders again (`ContextConfigGenerator.calculate_node_config`).

use super::session::Session;
use crate::ResourceType;
use data::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

/// One level of a section of dbt_project.yml.
#[derive(Debug, Clone, Default)]
pub struct ConfigTree {
    own: Map,
    below: HashMap<String, ConfigTree>,
}

impl ConfigTree {
    pub fn new(map: &Map) -> Self {
        let mut tree = Self::default();
        for (key, value) in map {
            match key.strip_prefix('+') {
                Some(key) => {
                    tree.own.insert(key.trim().to_owned(), value.clone());
                }
                None => match value {
                    Json::Object(map) => {
                        tree.below.insert(key.to_string(), Self::new(map));
                    }
                    other => {
                        tree.own.insert(key.clone(), other.clone());
                    }
                },
            }
        }
        tree
    }

    /// The levels that a node of this fully qualified name meets, the outermost first.
    fn levels<'a>(&'a self, fqn: &'a [Arc<str>]) -> impl Iterator<Item = &'a Map> {
        let mut next = Some(self);
        let mut parts = fqn.iter();
        std::iter::from_fn(move || {
            let level = next?;
            next = parts.next().and_then(|part| level.below.get(&**part));
            Some(&level.own)
        })
    }
}

/// The section that configures a resource type.
fn section(kind: ResourceType) -> &'static [&'static str] {
    match kind {
        ResourceType::Seed => &["seeds"],
        ResourceType::Snapshot => &["snapshots"],
        ResourceType::Source => &["sources"],
        ResourceType::Test => &["data_tests", "tests"],
        ResourceType::Metric => &["metrics"],
        ResourceType::SemanticModel => &["semantic-models"],
        ResourceType::SavedQuery => &["saved-queries"],
        ResourceType::Exposure => &["exposures"],
        ResourceType::UnitTest => &["unit_tests"],
        ResourceType::Function => &["functions"],
        // Analyses, hooks and groups are configured as models are.
        ResourceType::Model | ResourceType::Analysis | ResourceType::Operation | ResourceType::Group => &["models"],
    }
}

impl Session {
    /// Merges a node's configs in dbt's order. `patch` is what its properties say, `call` its `config()`.
    pub fn config(&self, package: usize, kind: ResourceType, fqn: &[Arc<str>], patch: &Map, call: &Map) -> Map {
        let mut config = Map::new();
        self.lay_folders(package, kind, fqn, &mut config);
        self.lay(kind, &mut config, patch);
        self.lay(kind, &mut config, call);
        if package != 0 {
            self.lay_folders(0, kind, fqn, &mut config);
        }
        config
    }

    /// What `model.config` is while the node's text is evaluated: the folders' configs over the defaults, nothing of its own.
    pub fn config_so_far(&self, package: usize, kind: ResourceType, fqn: &[Arc<str>]) -> Json {
        let mut config = self.config(package, kind, fqn, &Map::new(), &Map::new());
        if let Some(default) = default_materialized(kind) {
            config.entry("materialized").or_insert_with(|| default.into());
        }
        crate::manifest::with_defaults(kind, &config).into()
    }

    fn lay_folders(&self, package: usize, kind: ResourceType, fqn: &[Arc<str>], config: &mut Map) {
        let trees = section(kind).iter().filter_map(|section| self.packages.get(package)?.tree(section));
        for tree in trees {
            for level in tree.levels(fqn) {
                self.lay(kind, config, level);
            }
        }
    }

    fn lay(&self, kind: ResourceType, config: &mut Map, over: &Map) {
        if over.is_empty() {
            return;
        }
        let mut translated = Map::new();
        for (key, value) in over {
            let key = self.target.adapter.aliases.get(&**key).map_or_else(|| key.clone(), |key| key.as_str().into());
            translated.insert(key, value.clone());
        }
        match kind {
            // `tags` of these are replaced, not added to.
            ResourceType::Source | ResourceType::Exposure => {
                for key in ["tags", "meta"].into_iter().filter(|key| *key == "tags" || kind == ResourceType::Exposure) {
                    if translated.contains_key(key) {
                        config.remove(key);
                    }
                }
                jinja::config::merge(config, translated);
            }
            _ => jinja::config::merge(config, translated),
        }
    }
}

/// The `materialized` of a type where nobody says it.
pub fn default_materialized(kind: ResourceType) -> Option<&'static str> {
    match kind {
        ResourceType::Model | ResourceType::Analysis | ResourceType::Operation => Some("view"),
        ResourceType::Seed => Some("seed"),
        ResourceType::Snapshot => Some("snapshot"),
        ResourceType::Test => Some("test"),
        ResourceType::Function => Some("function"),
        _ => None,
    }
}

/// Tags as a list of texts, each once, in order.
pub fn tags(value: Option<&Json>) -> Vec<String> {
    let mut tags = Vec::new();
    let mut add = |tag: String| {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    };
    match value {
        Some(Json::Array(items)) => items.iter().filter(|tag| !tag.is_null()).for_each(|tag| add(text_of(tag))),
        Some(Json::Null) | None => {}
        Some(tag) => add(text_of(tag)),
    }
    tags
}

/// A scalar as Python's `str()` writes it.
pub fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.to_string(),
        other => jinja::value::Value::from(other).render(),
    }
}

/// Hooks as dbt keeps them: `{sql, transaction, index}`.
pub fn hooks(value: Option<&Json>) -> Vec<Json> {
    let list: Vec<Json> = match value {
        Some(Json::Array(items)) => items.iter().filter(|hook| !hook.is_null()).cloned().collect(),
        Some(Json::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    };
    list.into_iter()
        .map(|hook| {
            let mut map = match hook {
                Json::Object(map) => map,
                Json::String(text) => match serde_json::from_str::<Json>(&text) {
                    Ok(Json::Object(map)) => map,
                    _ => Map::from_iter([("sql".to_owned(), Json::String(text))]),
                },
                other => Map::from_iter([("sql", text_of(&other).into())]),
            };
            let mut made = Map::new();
            made.insert("sql", map.remove("sql").unwrap_or(Json::Null));
            made.insert("transaction", map.remove("transaction").unwrap_or(Json::Bool(true)));
            made.insert("index", map.remove("index").unwrap_or(Json::Null));
            Json::Object(made)
        })
        .collect()
}
