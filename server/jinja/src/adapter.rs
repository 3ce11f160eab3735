//! What is known of dbt's adapters: how they quote, what their macros are called, what `adapter.…` gives while parsing. The facts
//! stand in `builtins/adapters.yml`.

use data::{Map, Value as Json};
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};

static FACTS: &str = include_str!("../builtins/adapters.yml");

/// What a method of `adapter` gives while parsing.
#[derive(Debug, Clone, PartialEq)]
pub enum ParseTime {
    /// The method itself runs.
    Real,
    /// A fixed value.
    Value(Json),
}

/// One adapter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adapter {
    /// `duckdb`, `postgres`, …
    pub name: String,
    /// The prefixes of dispatched macros, the adapter's own first, `default` last.
    pub dispatch: Vec<String>,
    /// dbt's macro packages for it, the adapter's own first, `dbt` last.
    pub packages: Vec<String>,
    /// What stands before and after a quoted part of a relation.
    pub quote: (String, String),
    /// Whether database, schema and identifier are quoted by default.
    pub quoting: [bool; 3],
    /// Whether they are rendered at all.
    pub include: [bool; 3],
    pub methods: FxHashMap<String, ParseTime>,
    /// Other names of profile keys and configs: `dbname` is `database`.
    pub aliases: FxHashMap<String, String>,
    /// Other names of configs alone.
    pub config_aliases: FxHashMap<String, String>,
    /// Defaults of profile keys.
    pub defaults: Map,
    /// The keys that `target` has.
    pub target: Vec<String>,
    /// How the database is found where the profile doesn't say it: `path` for DuckDB's file.
    pub database: Option<String>,
    /// `api.Column`'s labels: what `string` and the like are called.
    pub labels: FxHashMap<String, String>,
    pub string_type: String,
    pub numeric_type: String,
}

impl Adapter {
    /// The adapter of a profile's `type`. One that is not known quotes and dispatches as most do.
    pub fn named(name: &str) -> Arc<Self> {
        static KNOWN: OnceLock<FxHashMap<String, Arc<Adapter>>> = OnceLock::new();
        let known = KNOWN.get_or_init(read);
        known.get(name).cloned().unwrap_or_else(|| {
            let base = known.get("postgres").map(|adapter| (**adapter).clone()).unwrap_or_default();
            Arc::new(Self { name: name.to_owned(), dispatch: vec![name.to_owned(), "default".to_owned()], packages: vec!["dbt".to_owned()], ..base })
        })
    }

    /// Whether there are facts about the adapter.
    pub fn is_known(name: &str) -> bool {
        Self::named(name).packages.len() > 1
    }

    /// Whether a package comes with dbt and this adapter.
    pub fn has_package(&self, name: &str) -> bool {
        self.packages.iter().any(|known| known == name)
    }

    /// Quotes one part of a relation.
    pub fn quoted(&self, part: &str) -> String {
        format!("{}{part}{}", self.quote.0, self.quote.1)
    }
}

fn read() -> FxHashMap<String, Arc<Adapter>> {
    let facts = syntax::yaml_value::document(&syntax::yaml::parse(FACTS));
    let methods = |of: &Json| -> FxHashMap<String, ParseTime> {
        let entries = of.as_object().into_iter().flatten();
        entries
            .map(|(name, gives)| {
                let gives = match gives.as_str() {
                    Some("none") => ParseTime::Value(Json::Null),
                    Some("list") => ParseTime::Value(Json::from_iter(None::<Json>)),
                    Some("real") => ParseTime::Real,
                    _ => ParseTime::Value(gives.clone()),
                };
                (name.to_string(), gives)
            })
            .collect()
    };
    let mut base = methods(&facts["base"]["methods"]);
    base.extend(methods(&facts["base"]["sql_methods"]));
    let mut known = FxHashMap::default();
    for (name, of) in facts["adapters"].as_object().into_iter().flatten() {
        let mut all = base.clone();
        all.extend(methods(&of["methods"]));
        let relation = &of["relation"];
        let flags = |of: &Json| ["database", "schema", "identifier"].map(|part| of[part].as_bool().unwrap_or(true));
        let column = &of["column_types"];
        known.insert(
            name.to_string(),
            Arc::new(Adapter {
                name: name.to_string(),
                dispatch: texts(&of["dispatch"]),
                packages: texts(&of["packages"]),
                quote: pair(&relation["quote"]),
                quoting: flags(&relation["quoting"]),
                include: flags(&relation["include"]),
                methods: all,
                aliases: text_map(&of["credentials"]["aliases"]),
                config_aliases: text_map(&of["config_aliases"]),
                defaults: of["credentials"]["defaults"].as_object().cloned().unwrap_or_default(),
                target: texts(&of["credentials"]["target"]),
                database: of["credentials"]["database"].as_str().map(str::to_owned),
                labels: text_map(&column["labels"]),
                string_type: column["string_type"].as_str().unwrap_or("character varying({size})").to_owned(),
                numeric_type: column["numeric_type"].as_str().unwrap_or("{dtype}({precision},{scale})").to_owned(),
            }),
        );
    }
    known
}

fn texts(of: &Json) -> Vec<String> {
    of.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn text_map(of: &Json) -> FxHashMap<String, String> {
    of.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect()
}

fn pair(of: &Json) -> (String, String) {
    let sign = of.as_str().unwrap_or("\"");
    (sign.to_owned(), sign.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_adapter_has_its_facts() {
        for name in ["postgres", "redshift", "snowflake", "bigquery", "spark", "databricks", "duckdb", "trino", "athena", "clickhouse"] {
            let adapter = Adapter::named(name);
            assert_eq!(adapter.dispatch.first().map(String::as_str), Some(name));
            assert_eq!(adapter.dispatch.last().map(String::as_str), Some("default"), "{name}");
            assert_eq!(adapter.packages.last().map(String::as_str), Some("dbt"), "{name}");
            assert!(adapter.methods.contains_key("get_relation") && !adapter.target.is_empty(), "{name}");
        }
        assert_eq!(Adapter::named("databricks").dispatch, ["databricks", "spark", "default"]);
        assert!(!Adapter::is_known("fabric"));
    }
}
