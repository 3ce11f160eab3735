//! Node configs and how dbt merges them (docs.getdbt.com, "Configurations and properties": the most specific wins, `tags` add up).

use serde_json::{Map, Value as Json};
use std::sync::Arc;
use syntax::jinja::{Call, Literal};
use syntax::yaml::Node;

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
    pub values: Arc<Map<String, Json>>,
}

impl Config {
    /// The config of a node as it was merged.
    pub fn of(values: Map<String, Json>, tags: Vec<String>) -> Self {
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
            values: Arc::new(values),
        }
    }

    /// Lays a more specific config over this one.
    pub fn merge(&mut self, over: &Self) {
        let fields = [
            (&mut self.materialized, &over.materialized),
            (&mut self.schema, &over.schema),
            (&mut self.database, &over.database),
            (&mut self.alias, &over.alias),
            (&mut self.group, &over.group),
            (&mut self.access, &over.access),
        ];
        for (own, over) in fields {
            if over.is_some() {
                own.clone_from(over);
            }
        }
        self.enabled = over.enabled.or(self.enabled);
        for tag in &over.tags {
            if !self.tags.contains(tag) {
                self.tags.push(tag.clone());
            }
        }
    }

    /// One key of YAML. A value that holds Jinja is left for the evaluator.
    fn set_yaml(&mut self, key: &str, value: &Node) {
        let text = || value.as_str().filter(|text| !text.contains("{{")).map(str::to_owned);
        match key {
            "enabled" => self.enabled = value.as_bool(),
            "materialized" => self.materialized = text(),
            "schema" | "dataset" => self.schema = text(),
            "database" | "project" | "catalog" => self.database = text(),
            "alias" => self.alias = text(),
            "group" => self.group = text(),
            "access" => self.access = text(),
            "tags" => self.tags = value.strings(),
            _ => {}
        }
    }

    /// A `config:` mapping, or an entry whose own keys count as config.
    pub fn from_yaml(node: &Node) -> Self {
        let mut config = Self::default();
        for (key, value) in node.entries() {
            if let Some(key) = key.as_str() {
                config.set_yaml(key.trim_start_matches('+'), value);
            }
        }
        config
    }

    /// The literal arguments of a `config()` call.
    pub fn from_call(call: &Call) -> Self {
        let mut config = Self::default();
        let pairs: Vec<(&str, &Literal)> = call
            .args
            .iter()
            .flat_map(|arg| match (&arg.name, &arg.value) {
                (Some(name), value) => vec![(name.as_str(), value)],
                (None, Literal::Map(entries)) => entries.iter().filter_map(|(key, value)| Some((key.as_str()?, value))).collect(),
                _ => Vec::new(),
            })
            .collect();
        for (key, value) in pairs {
            let text = || value.to_text();
            match key {
                "enabled" => config.enabled = value.as_bool(),
                "materialized" => config.materialized = text(),
                "schema" => config.schema = text(),
                "database" => config.database = text(),
                "alias" => config.alias = text(),
                "group" => config.group = text(),
                "access" => config.access = text(),
                "tags" => {
                    config.tags = match value {
                        Literal::List(items) => items.iter().filter_map(Literal::to_text).collect(),
                        value => value.to_text().into_iter().collect(),
                    }
                }
                _ => {}
            }
        }
        config
    }
}
